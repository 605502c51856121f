"""binding: the scheduler's decision, written into a pod that has no node yet."""

from __future__ import annotations

from pybernetes.api.errors import BadRequest, Unclassified
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import BINDING, POD
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import names, timestamps

from ..admission.chain import admit_mutating, admit_validating
from ..admission.plugin import Admission
from ..context import RequestContext
from ..replies import Reply, TreeReply
from ..verbs.body import body_tree, check_object
from ..verbs.change import change_object
from ..verbs.objects import conflict, private


async def create_binding(ctx: RequestContext) -> Reply:
    """`POST pods/x/binding`, 201. Raises Conflict where the pod has a node or is going."""
    binding = _binding(ctx)
    target = check_binding(binding)
    admission = Admission(ctx, ctx.kind, "CREATE", binding, None, subresource="binding", name=ctx.info.name)
    admit_mutating(admission)
    admit_validating(admission)

    def build(old: Obj) -> MutableObj:
        return bound(private(old), binding, target, ctx.services.env.now())

    def complete(_ctx: RequestContext, _kind: Kind, _new: MutableObj, _old: Obj) -> bool:
        return True

    await change_object(ctx, build, complete)
    return TreeReply(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )


async def create_binding_by_name(ctx: RequestContext) -> Reply:
    """`POST bindings`: the same, the pod named by the body."""
    name = _binding(ctx)["metadata"].get("name", "")
    if not name:
        raise BadRequest("name must be provided")
    ctx.info.name = name
    ctx.resource = ctx.services.registry.of(POD)
    return await create_binding(ctx)


def _binding(ctx: RequestContext) -> MutableObj:
    """The body, its types checked; the caller has found the pod by the path or will by the name in it. Raises
    BadRequest."""
    tree, duplicates = body_tree(ctx)
    return check_object(ctx, BINDING, tree, duplicates)


def check_binding(binding: Obj) -> str:
    """The node that a Binding names. Raises Unclassified: upstream answers 500 here."""
    target, errors = binding.get("target") or {}, FieldErrors()
    at, name = errors.at("target"), target.get("name") or ""
    if target.get("kind") not in (None, "", "Node"):
        at.not_supported(target["kind"], ["Node", "<empty>"], "kind")
    if not name:
        at.required("name")
    for message in names.dns1123_subdomain(name) if name else ():
        at.invalid(name, message, "name")
    if lines := list(errors):
        raise Unclassified(lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]")
    return str(name)


def bound(pod: MutableObj, binding: Obj, node: str, now: float) -> MutableObj:
    """The pod on its node (changed in place)."""
    metadata, spec = pod["metadata"], pod["spec"]
    name = metadata["name"]
    uid = (binding.get("metadata") or {}).get("uid")
    if uid and uid != metadata["uid"]:
        raise conflict(
            POD,
            name,
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}",
        )
    if metadata.get("deletionTimestamp"):
        raise conflict(POD, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise conflict(POD, name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise conflict(POD, name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    annotations = (binding.get("metadata") or {}).get("annotations")
    if annotations:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    if labels := (binding.get("metadata") or {}).get("labels"):
        metadata["labels"] = {**labels, **(metadata.get("labels") or {})}
    if "generation" in metadata:
        metadata["generation"] += 1
    status = pod.setdefault("status", {})
    status.pop("nominatedNodeName", None)  # it is where it was to go
    status["conditions"] = [
        *(c for c in status.get("conditions") or () if c.get("type") != "PodScheduled"),
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": timestamps.rfc3339(now),
        },
    ]
    return pod
