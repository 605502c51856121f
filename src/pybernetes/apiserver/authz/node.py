"""The Node authorizer: a kubelet may read what the pods bound to its node need, and write what is its own.

Upstream keeps a graph of these relations; here they are followed from the node's pods at the time of the request (a
node has some hundred pods, and the cache indexes pods by node).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pybernetes.api.meta import Obj
from pybernetes.lang.fieldselector import FieldSelectorError
from pybernetes.lang.fieldselector import parse as parse_fields

from ..attributes import Attributes
from ..user import node_of
from .bootstrap.node_rules import NODE_RULES
from .decision import Decision
from .podreferences import references
from .rules import Rule

ALLOWED = Decision(True)
RULES = tuple(Rule.of(tree) for tree in NODE_RULES)
OWN_VERBS = ("get", "create", "update", "patch", "delete")
LEASE_NAMESPACE = "kube-node-lease"


class NodeView(Protocol):
    """What the authorizer reads of the cluster, from caches."""

    def pods_on(self, node: str) -> Iterable[Obj]:
        """The pods bound to a node."""

    def get(self, plural: str, namespace: str, name: str) -> Obj | None:
        """Any object, such as ("persistentvolumeclaims", "default", "data")."""


class NodeAuthorizer:
    def __init__(self, view: NodeView) -> None:
        self._view = view

    def authorize(self, attributes: Attributes) -> Decision:
        """No opinion on anyone but a node."""
        node = node_of(attributes.user)
        if node is None:
            return Decision(False)
        if attributes.is_resource:
            special = SPECIAL.get((attributes.group, attributes.resource))
            if special is not None:
                return special(self, node, attributes)
        return Decision(any(rule.allows(attributes) for rule in RULES))

    # ---- objects reached from the node's pods

    def read_namespaced(self, node: str, attributes: Attributes) -> Decision:
        """Secrets and config maps: get, and list or watch of a single one."""
        if attributes.verb not in ("get", "list", "watch"):
            return Decision(False, "can only read resources of this type")
        if attributes.subresource:
            return Decision(False, "cannot read subresource")
        if not attributes.namespace:
            return Decision(False, "can only read namespaced object of this type")
        return self._related(node, attributes)

    def get_only(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb != "get":
            return Decision(False, "can only get individual resources of this type")
        if attributes.subresource:
            return Decision(False, "cannot get subresource")
        return self._related(node, attributes)

    def claim(self, node: str, attributes: Attributes) -> Decision:
        """A claim may be read, and its status written (volume expansion)."""
        if attributes.subresource != "status":
            return self.get_only(node, attributes)
        if attributes.verb not in ("update", "patch"):  # upstream's message names a verb more than it allows
            return Decision(False, "can only get/update/patch this type")
        return self._related(node, attributes)

    def service_account(self, node: str, attributes: Attributes) -> Decision:
        """The accounts of its pods may be read (credential providers of images ask), and tokens asked for."""
        if attributes.verb == "get":
            return self.get_only(node, attributes)
        if attributes.verb != "create" or not attributes.name:
            return Decision(False, "can only create tokens for individual service accounts")
        if attributes.subresource != "token":
            return Decision(False, "can only create token subresource of serviceaccount")
        return self._related(node, attributes)

    def _related(self, node: str, attributes: Attributes) -> Decision:
        if not attributes.name:
            return Decision(False, "No Object name found")
        wanted = (attributes.resource, attributes.namespace, attributes.name)
        for pod in self._view.pods_on(node):
            if wanted in references(pod, self._view.get):
                return ALLOWED
        if attributes.resource == "volumeattachments":
            attachment = self._view.get("volumeattachments", "", attributes.name)
            if attachment is not None and attachment["spec"].get("nodeName") == node:
                return ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    # ---- objects that are the node's own

    def lease(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in OWN_VERBS:
            return Decision(False, "can only get, create, update, patch, or delete a node lease")
        if attributes.namespace != LEASE_NAMESPACE:
            return Decision(False, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
        if attributes.verb != "create" and attributes.name != node:
            return Decision(False, "can only access node lease with the same name as the requesting node")
        return ALLOWED

    def csi_node(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in OWN_VERBS:
            return Decision(False, "can only get, create, update, patch, or delete a CSINode")
        if attributes.subresource:
            return Decision(False, "cannot authorize CSINode subresources")
        if attributes.verb != "create" and attributes.name != node:
            return Decision(False, "can only access CSINode with the same name as the requesting node")
        return ALLOWED

    def node(self, node: str, attributes: Attributes) -> Decision:
        """Its own Node object may be read; which one is written, admission (NodeRestriction) checks."""
        match attributes.subresource, attributes.verb:
            case ("", "create" | "update" | "patch") | ("status", "update" | "patch"):
                return ALLOWED
            case "", "get" | "list" | "watch":
                return self._read_node(node, attributes)
        return Decision(False)

    def _read_node(self, node: str, attributes: Attributes) -> Decision:
        if attributes.name == node:
            return ALLOWED
        if attributes.name:
            return Decision(False, f"node '{node}' cannot read '{attributes.name}', only its own Node object")
        return Decision(False, f"node '{node}' cannot read all nodes, only its own Node object")

    def pod(self, node: str, attributes: Attributes) -> Decision:
        """Pods bound to it: read, status, eviction; mirror pods may be made and deleted (admission looks closer)."""
        match attributes.subresource, attributes.verb:
            case "", "create" | "delete":
                return ALLOWED
            case "", "get":
                return self._bound(node, attributes)
            case "", "list" | "watch":
                if _selected_node(attributes) == node:
                    return ALLOWED
                if attributes.name:
                    return self._bound(node, attributes)
                return Decision(False, "can only list/watch pods with spec.nodeName field selector")
            case "status", "update" | "patch":
                return ALLOWED
            case "eviction", "create":
                return ALLOWED
        return Decision(False)

    def _bound(self, node: str, attributes: Attributes) -> Decision:
        pod = self._view.get("pods", attributes.namespace, attributes.name)
        if pod is not None and pod["spec"].get("nodeName") == node:
            return ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def resource_slice(self, node: str, attributes: Attributes) -> Decision:
        """Slices of its own: named ones by their node, collections by a `spec.nodeName` field selector."""
        if attributes.subresource:
            return Decision(False, "cannot authorize ResourceSlice subresources")
        match attributes.verb:
            case "create":
                return ALLOWED
            case "list" | "watch" | "deletecollection":
                if _selected_node(attributes) == node:
                    return ALLOWED
                return Decision(
                    False,
                    "can only list/watch/deletecollection resourceslices with nodeName field selector",
                )
            case "get" | "update" | "patch" | "delete":
                found = self._view.get("resourceslices", "", attributes.name)
                if found is not None and found["spec"].get("nodeName") == node:
                    return ALLOWED
                return Decision(False, f"no relationship found between node '{node}' and this object")
        return Decision(
            False,
            "only the following verbs are allowed for a ResourceSlice: "
            "get, watch, list, create, update, patch, delete, deletecollection",
        )

    def certificate_request(self, node: str, attributes: Attributes) -> Decision:
        """The requests for its pods' certificates; admission (NodeRestriction) checks what is asked for."""
        if attributes.subresource:
            return Decision(False, "nodes may not access the status subresource of PodCertificateRequests")
        match attributes.verb:
            case "create":
                return ALLOWED
            case "get":
                found = self._view.get("podcertificaterequests", attributes.namespace, attributes.name)
                if found is not None and found["spec"].get("nodeName") == node:
                    return ALLOWED
                return Decision(False, f"no relationship found between node '{node}' and this object")
            case "list" | "watch":
                if _selected_node(attributes) == node:
                    return ALLOWED
                return Decision(
                    False, "can only list/watch podcertificaterequests with nodeName field selector"
                )
        return Decision(False, f"nodes may not {attributes.verb} podcertificaterequests")


def _selected_node(attributes: Attributes) -> str | None:
    try:
        return parse_fields(attributes.field_selector).exact("spec.nodeName")
    except FieldSelectorError:
        return None


Check = Callable[[NodeAuthorizer, str, Attributes], Decision]
SPECIAL: dict[tuple[str, str], Check] = {
    ("", "secrets"): NodeAuthorizer.read_namespaced,
    ("", "configmaps"): NodeAuthorizer.read_namespaced,
    ("", "persistentvolumeclaims"): NodeAuthorizer.claim,
    ("", "persistentvolumes"): NodeAuthorizer.get_only,
    ("", "serviceaccounts"): NodeAuthorizer.service_account,
    ("", "nodes"): NodeAuthorizer.node,
    ("", "pods"): NodeAuthorizer.pod,
    ("resource.k8s.io", "resourceclaims"): NodeAuthorizer.get_only,
    ("resource.k8s.io", "resourceslices"): NodeAuthorizer.resource_slice,
    ("storage.k8s.io", "volumeattachments"): NodeAuthorizer.get_only,
    ("certificates.k8s.io", "podcertificaterequests"): NodeAuthorizer.certificate_request,
    ("storage.k8s.io", "csinodes"): NodeAuthorizer.csi_node,
    ("coordination.k8s.io", "leases"): NodeAuthorizer.lease,
}
