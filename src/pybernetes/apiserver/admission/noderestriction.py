"""NodeRestriction: a kubelet may write its own Node, its own Lease and the pods bound to it, and nothing else.

Reading is the node authorizer's business; this keeps one compromised node from speaking for another.
"""

from __future__ import annotations

from pybernetes.api.kinds import LEASE, NODE, POD
from pybernetes.api.meta import Obj

from ..user import NODES, node_of
from .plugin import Admission, Plugin

LEASE_NAMESPACE = "kube-node-lease"
MIRROR = "kubernetes.io/config.mirror"
RESTRICTED_PREFIX = "node-restriction.kubernetes.io/"


def _admit(admission: Admission) -> None:
    if NODES not in admission.user.groups:
        return
    node = node_of(admission.user)
    if node is None:
        raise admission.forbidden(f'could not determine node from user "{admission.user.name}"')
    if admission.kind is NODE:
        _admit_node(admission, node)
    elif admission.kind is POD:
        _admit_pod(admission, node)
    elif admission.kind is LEASE:
        _admit_lease(admission, node)


def _admit_node(admission: Admission, node: str) -> None:
    name = admission.object["metadata"].get("name", "") if admission.new is not None else admission.name
    if name != node:
        raise admission.forbidden(f'node "{node}" is not allowed to modify node "{name}"')
    if admission.operation == "CREATE":
        _check_labels(admission, node, {}, admission.object)
    elif admission.operation == "UPDATE" and admission.old is not None:
        new_taints = (admission.object.get("spec") or {}).get("taints") or []
        old_taints = (admission.old.get("spec") or {}).get("taints") or []
        if new_taints != old_taints:
            raise admission.forbidden(f'node "{node}" is not allowed to modify taints')
        if admission.object["metadata"].get("ownerReferences") != admission.old["metadata"].get(
            "ownerReferences"
        ):
            raise admission.forbidden(f'node "{node}" is not allowed to modify ownerReferences')
        _check_labels(admission, node, admission.old, admission.object)


def _check_labels(admission: Admission, node: str, old: Obj, new: Obj) -> None:
    before = (old.get("metadata") or {}).get("labels") or {}
    after = new["metadata"].get("labels") or {}
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    restricted = sorted(key for key in changed if RESTRICTED_PREFIX in f"{key.partition('/')[0]}/")
    if restricted:
        raise admission.forbidden(f'node "{node}" is not allowed to modify labels: {", ".join(restricted)}')


def _admit_pod(admission: Admission, node: str) -> None:
    if admission.operation == "CREATE":
        mirror = admission.object
        if MIRROR not in (mirror["metadata"].get("annotations") or {}):
            raise admission.forbidden(
                f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
            )
        if (mirror.get("spec") or {}).get("nodeName") != node:
            raise admission.forbidden(f'node "{node}" can only create pods with spec.nodeName set to itself')
        return
    pod = admission.old or admission.find(POD, admission.name, admission.namespace) or {}
    if not pod:
        return  # the verb answers NotFound
    if (pod.get("spec") or {}).get("nodeName") != node:
        what = "delete" if admission.operation == "DELETE" else "update status for"
        raise admission.forbidden(f'node "{node}" can only {what} pods with spec.nodeName set to itself')
    if admission.operation == "UPDATE" and admission.subresource != "status":
        raise admission.forbidden(f'node "{node}" may only update the status of pods')
    if admission.operation == "UPDATE" and admission.object["metadata"].get("labels") != pod["metadata"].get(
        "labels"
    ):
        raise admission.forbidden(f'node "{node}" cannot update labels through pod status')


def _admit_lease(admission: Admission, node: str) -> None:
    if admission.namespace != LEASE_NAMESPACE:
        raise admission.forbidden(f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    name = admission.object["metadata"].get("name", "") if admission.new is not None else admission.name
    if name != node:
        raise admission.forbidden("can only access node lease with the same name as the requesting node")


NODE_RESTRICTION = Plugin("NodeRestriction", mutate=_admit)
