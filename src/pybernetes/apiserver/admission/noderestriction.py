"""NodeRestriction: a kubelet may write its own Node, its own Lease and CSINode and the pods bound to it, and nothing else.

Reading is the node authorizer's business; this keeps one compromised node from speaking for another.
"""

from __future__ import annotations

from collections.abc import Callable

from pybernetes.api.errors import NotFound
from pybernetes.api.kinds import NODE, POD
from pybernetes.api.meta import Obj

from ..user import NODES, node_of
from .mirrorpods import first_reference
from .nodecertificates import pod_certificate, signing_request
from .nodelabels import forbidden_labels
from .plugin import Admission, Plugin

LEASE_NAMESPACE = "kube-node-lease"
MIRROR = "kubernetes.io/config.mirror"


def _admit(admission: Admission) -> bool:
    if NODES not in admission.user.groups:
        return False
    node = node_of(admission.user)
    if node is None:
        raise admission.forbidden(f'could not determine node from user "{admission.user.name}"')
    judge = _JUDGES.get(admission.kind.group_resource)
    if judge is not None:
        judge(admission, node)
    return False


def _requested_name(admission: Admission) -> str:
    if admission.name or admission.ctx.info.name:
        return admission.name or admission.ctx.info.name
    return str(admission.object["metadata"].get("name", "")) if admission.new is not None else ""


# ---- nodes


def _node(admission: Admission, node: str) -> None:
    name = _requested_name(admission)
    if name != node:
        raise admission.forbidden(f'node "{node}" is not allowed to modify node "{name}"')
    if admission.operation == "CREATE":
        if (admission.object.get("spec") or {}).get("configSource") is not None:
            raise admission.forbidden(
                f'node "{node}" is not allowed to create pods with a non-nil configSource'
            )
        if wrong := forbidden_labels({}, _labels(admission.object)):
            raise admission.forbidden(
                f'node "{node}" is not allowed to set the following labels: {", ".join(wrong)}'
            )
    elif admission.operation == "UPDATE" and admission.old is not None:
        _node_update(admission, node, admission.object, admission.old)


def _node_update(admission: Admission, node: str, new: Obj, old: Obj) -> None:
    source = (new.get("spec") or {}).get("configSource")
    if source is not None and source != (old.get("spec") or {}).get("configSource"):
        raise admission.forbidden(
            f'node "{node}" is not allowed to update configSource to a new non-nil configSource'
        )
    if ((new.get("spec") or {}).get("taints") or []) != ((old.get("spec") or {}).get("taints") or []):
        raise admission.forbidden(f'node "{node}" is not allowed to modify taints')
    if wrong := forbidden_labels(_labels(old), _labels(new)):
        raise admission.forbidden(f"is not allowed to modify labels: {', '.join(wrong)}")
    if new["metadata"].get("ownerReferences") != old["metadata"].get("ownerReferences"):
        raise admission.forbidden(f'node "{node}" is not allowed to modify ownerReferences')


def _labels(tree: Obj) -> dict[str, str]:
    return dict(tree["metadata"].get("labels") or {})


# ---- pods


def _pod(admission: Admission, node: str) -> None:
    match admission.subresource, admission.operation:
        case "", "CREATE":
            _mirror_pod(admission, node)
        case "", "DELETE":
            if _existing(admission)["spec"].get("nodeName") != node:
                raise admission.forbidden(
                    f'node "{node}" can only delete pods with spec.nodeName set to itself'
                )
        case "", operation:
            raise admission.forbidden(
                f'unexpected operation "{operation}", node "{node}" can only create and delete mirror pods'
            )
        case "status", "UPDATE":
            _pod_status(admission, node)
        case "eviction", "CREATE":
            if _existing(admission)["spec"].get("nodeName") != node:
                raise admission.forbidden(f"node {node} can only evict pods with spec.nodeName set to itself")
        case subresource, _:
            raise admission.forbidden(
                f"unexpected pod subresource \"{subresource}\", only 'status' and 'eviction' are allowed"
            )


def _existing(admission: Admission) -> Obj:
    name = _requested_name(admission)
    pod = admission.old or admission.find(POD, name, admission.namespace)
    if pod is None:
        raise _unknown("pod", name)
    return pod


def _unknown(kind: str, name: str) -> NotFound:
    """As upstream's caches say it, which know kinds in the singular."""
    return NotFound(f'{kind} "{name}" not found', kind=kind, name=name)


def _pod_status(admission: Admission, node: str) -> None:
    new, old = admission.object, _existing(admission)
    if old["spec"].get("nodeName") != node:
        raise admission.forbidden(
            f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
        )
    if _labels(new) != _labels(old):
        raise admission.forbidden(f'node "{node}" cannot update labels through pod status')
    if _claims(new) != _claims(old):
        raise admission.forbidden(f'node "{node}" cannot update resource claim statues')


def _claims(pod: Obj) -> list[tuple[object, object]]:
    claims = (pod.get("status") or {}).get("resourceClaimStatuses") or ()
    return [(claim.get("name"), claim.get("resourceClaimName")) for claim in claims]


def _mirror_pod(admission: Admission, node: str) -> None:
    """What a kubelet creates stands for a static pod: it belongs to the node and refers to nothing else."""
    pod = admission.object
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        raise admission.forbidden(
            f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
        )
    if (pod.get("spec") or {}).get("nodeName") != node:
        raise admission.forbidden(f'node "{node}" can only create pods with spec.nodeName set to itself')
    owners = pod["metadata"].get("ownerReferences") or []
    if len(owners) > 1:
        raise admission.forbidden(
            f'node "{node}" can only create pods with a single owner reference set to itself'
        )
    owner = owners[0] if owners else {}
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        raise admission.forbidden(f'node "{node}" can only create pods with an owner reference set to itself')
    if not owner.get("controller"):
        raise admission.forbidden(
            f'node "{node}" can only create pods with a controller owner reference set to itself'
        )
    if owner.get("blockOwnerDeletion"):
        raise admission.forbidden(f'node "{node}" must not set blockOwnerDeletion on an owner reference')
    there = admission.find(NODE, node)
    if there is None:
        raise _unknown("node", node)
    if owner.get("uid") != there["metadata"]["uid"]:
        raise admission.forbidden(
            f"node {node} UID mismatch: expected {owner.get('uid')} got {there['metadata']['uid']}"
        )
    if found := first_reference(pod["spec"]):
        raise admission.forbidden(f'node "{node}" can not create pods that reference {found}')


# ---- others


def _lease(admission: Admission, node: str) -> None:
    if admission.namespace != LEASE_NAMESPACE:
        raise admission.forbidden(f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    if _requested_name(admission) != node:
        raise admission.forbidden("can only access node lease with the same name as the requesting node")


def _csi_node(admission: Admission, node: str) -> None:
    if _requested_name(admission) != node:
        raise admission.forbidden("can only access CSINode with the same name as the requesting node")


def _resource_slice(admission: Admission, node: str) -> None:
    """Others are kept from it by the node authorizer, which sees neither what is new nor each of a collection."""
    tree = {"CREATE": admission.new, "DELETE": admission.old}.get(admission.operation)
    if tree is not None and (tree.get("spec") or {}).get("nodeName") != node:
        verb = admission.operation.lower()
        raise admission.forbidden(
            f"can only {verb} ResourceSlice with the same NodeName as the requesting node"
        )


def _claim(admission: Admission, node: str) -> None:
    if admission.subresource != "status" or admission.old is None:
        raise admission.forbidden("may only update PVC status")
    if _kept_of_claim(admission.object) != _kept_of_claim(admission.old):
        raise admission.forbidden(
            f'node "{node}" is not allowed to update fields other than status.quantity and status.conditions'
        )


def _kept_of_claim(claim: Obj) -> Obj:
    metadata = {k: v for k, v in claim["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    changeable = ("capacity", "conditions", "allocatedResources", "allocatedResourceStatuses")
    status = {k: v for k, v in (claim.get("status") or {}).items() if k not in changeable}
    return {**claim, "metadata": metadata, "status": status}


def _service_account(admission: Admission, node: str) -> None:
    """A kubelet asks for tokens only for the pods bound to it."""
    if admission.subresource != "token" or admission.operation != "CREATE":
        return
    ref = (admission.object.get("spec") or {}).get("boundObjectRef") or {}
    if ref.get("apiVersion") != "v1" or ref.get("kind") != "Pod" or not ref.get("name"):
        raise admission.forbidden("node requested token not bound to a pod")
    if not ref.get("uid"):
        raise admission.forbidden("node requested token with a pod binding without a uid")
    pod = admission.find(POD, ref["name"], admission.namespace)
    if pod is None:
        raise _unknown("pod", ref["name"])
    if ref["uid"] != pod["metadata"]["uid"]:
        raise admission.forbidden(
            f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. The object might "
            "have been deleted and then recreated"
        )
    if pod["spec"].get("nodeName") != node:
        raise admission.forbidden("node requested token bound to a pod scheduled on a different node")


_JUDGES: dict[str, Callable[[Admission, str], None]] = {
    "nodes": _node,
    "pods": _pod,
    "persistentvolumeclaims": _claim,
    "serviceaccounts": _service_account,
    "leases.coordination.k8s.io": _lease,
    "csinodes.storage.k8s.io": _csi_node,
    "resourceslices.resource.k8s.io": _resource_slice,
    "certificatesigningrequests.certificates.k8s.io": signing_request,
    "podcertificaterequests.certificates.k8s.io": pod_certificate,
}

NODE_RESTRICTION = Plugin("NodeRestriction", mutate=_admit)
