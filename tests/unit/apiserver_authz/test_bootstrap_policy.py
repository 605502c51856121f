"""The default policy: complete, consistent, and reconciled without undoing an administrator's work."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.apiserver.attributes import Attributes
from pybernetes.apiserver.authz.bootstrap_policy import AUTOUPDATE, objects
from pybernetes.apiserver.authz.rbac import Rbac
from pybernetes.apiserver.authz.reconcile import reconcile
from pybernetes.apiserver.user import ANONYMOUS_USER, User, service_account_user

AUTHENTICATED = ("system:authenticated",)


@pytest.fixture(scope="module")
def rbac() -> Rbac:
    rbac = Rbac()
    for obj in objects():
        rbac.put(obj["kind"], obj)
    return rbac


def get(kind: str, name: str) -> dict[str, Any]:
    return next(o for o in objects() if (o["kind"], o["metadata"]["name"]) == (kind, name))


def test_the_names_are_upstreams() -> None:
    names = {o["metadata"]["name"] for o in objects(join=False) if o["kind"] == "ClusterRole"}
    assert {n for n in names if not n.startswith("system:")} == {"cluster-admin", "admin", "edit", "view"}
    controllers = {n.removeprefix("system:controller:") for n in names if n.startswith("system:controller:")}
    assert {"deployment-controller", "replicaset-controller", "endpointslice-controller"} <= controllers
    bindings = {o["metadata"]["name"] for o in objects(join=False) if o["kind"] == "ClusterRoleBinding"}
    assert {f"system:controller:{name}" for name in controllers} <= bindings


def test_every_object_is_marked_and_every_binding_has_its_role() -> None:
    everything = objects()
    places = {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in everything}
    assert len(places) == len(everything)
    for obj in everything:
        assert obj["metadata"]["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults"
        assert obj["metadata"]["annotations"] == {AUTOUPDATE: "true"}
        if ref := obj.get("roleRef"):
            namespace = obj["metadata"].get("namespace", "") if ref["kind"] == "Role" else ""
            assert (ref["kind"], namespace, ref["name"]) in places


def test_edit_gathers_view_and_admin_gathers_edit() -> None:
    view, edit, admin = (get("ClusterRole", name)["rules"] for name in ("view", "edit", "admin"))
    assert all(rule in edit for rule in view)
    assert all(rule in admin for rule in edit)
    assert len(view) < len(edit) < len(admin)
    assert not any("secrets" in rule["resources"] for rule in view)


@pytest.mark.parametrize(
    ("user", "verb", "group", "resource", "name", "allowed"),
    [
        (User("system:kube-scheduler"), "create", "", "pods/binding", "web", True),
        (User("system:kube-scheduler"), "update", "coordination.k8s.io", "leases", "kube-scheduler", True),
        (User("system:kube-scheduler"), "update", "coordination.k8s.io", "leases", "other", False),
        (User("system:kube-controller-manager"), "watch", "example.com", "things", "", True),
        (User("system:kube-proxy"), "watch", "discovery.k8s.io", "endpointslices", "", True),
        (User("system:kube-proxy"), "watch", "", "secrets", "", False),
        (service_account_user("kube-system", "replicaset-controller"), "create", "", "pods", "", True),
        (service_account_user("kube-system", "deployment-controller"), "create", "", "pods", "", False),
        (
            service_account_user("kube-system", "deployment-controller"),
            "create",
            "apps",
            "replicasets",
            "",
            True,
        ),
        (
            User("bob", groups=AUTHENTICATED),
            "create",
            "authorization.k8s.io",
            "selfsubjectaccessreviews",
            "",
            True,
        ),
        (User("bob", groups=AUTHENTICATED), "list", "", "pods", "", False),
        (User("k", groups=("kubeadm:cluster-admins",)), "delete", "", "nodes", "n1", True),
        (User("system:node:n1", groups=("system:nodes",)), "get", "", "secrets", "s", False),
    ],
)
def test_who_may_what(
    rbac: Rbac, user: User, verb: str, group: str, resource: str, name: str, allowed: bool
) -> None:
    resource, _, subresource = resource.partition("/")
    attributes = Attributes(user, verb, group, "v1", resource, subresource, "default", name)
    assert rbac.authorize(attributes).allowed is allowed


def test_anybody_may_see_the_version_and_the_known_may_discover(rbac: Rbac) -> None:
    def may(user: User, path: str) -> bool:
        return rbac.authorize(Attributes(user, "get", path=path, is_resource=False)).allowed

    known = User("bob", groups=AUTHENTICATED)
    assert may(ANONYMOUS_USER, "/version")
    assert may(ANONYMOUS_USER, "/readyz")
    assert not may(ANONYMOUS_USER, "/apis")
    assert may(known, "/apis/apps/v1")
    assert may(known, "/openapi/v3")
    assert not may(known, "/metrics")


# ---- reconciling


def test_a_fresh_cluster_gets_everything_and_a_second_start_writes_nothing() -> None:
    writes = reconcile([], objects())
    assert {write.action for write in writes} == {"create"}
    assert [write.obj for write in writes] == objects()
    assert reconcile(objects(), objects()) == []


def test_missing_permissions_come_back_and_additions_stay() -> None:
    wanted = get("ClusterRole", "system:kube-dns")
    added = {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]}
    rules = [{"verbs": ["list"], "apiGroups": [""], "resources": ["endpoints", "services"]}, added]
    metadata = {**wanted["metadata"], "labels": {"mine": "1"}, "uid": "u", "resourceVersion": "7"}
    (write,) = reconcile([{**wanted, "metadata": metadata, "rules": rules}], [wanted])
    assert write.action == "update"
    assert write.obj["rules"][:2] == rules
    assert write.obj["rules"][2:] == [
        {"verbs": ["watch"], "apiGroups": [""], "resources": ["endpoints"]},
        {"verbs": ["watch"], "apiGroups": [""], "resources": ["services"]},
    ]
    assert write.obj["metadata"]["labels"] == {"kubernetes.io/bootstrapping": "rbac-defaults", "mine": "1"}
    assert write.obj["metadata"]["resourceVersion"] == "7"


def test_autoupdate_false_is_respected() -> None:
    wanted = get("ClusterRole", "cluster-admin")
    kept = {**wanted, "rules": [], "metadata": {**wanted["metadata"], "annotations": {AUTOUPDATE: "false"}}}
    assert reconcile([kept], [wanted]) == []


def test_bindings_get_their_subjects_back_or_are_made_anew() -> None:
    wanted = get("ClusterRoleBinding", "system:discovery")
    mine = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}
    (write,) = reconcile([{**wanted, "subjects": [mine]}], [wanted])
    assert (write.action, write.obj["subjects"]) == ("update", [mine, *wanted["subjects"]])
    other = {**wanted, "roleRef": {**wanted["roleRef"], "name": "view"}, "subjects": [mine]}
    (write,) = reconcile([other], [wanted])
    assert (write.action, write.obj["roleRef"]) == ("recreate", wanted["roleRef"])
    assert write.obj["subjects"] == [mine, *wanted["subjects"]]


def test_an_aggregated_roles_rules_are_left_to_its_controller() -> None:
    wanted = get("ClusterRole", "view")
    extended = {**wanted, "rules": [*wanted["rules"][:1]]}
    assert reconcile([extended], [wanted]) == []
    plain = {k: v for k, v in extended.items() if k != "aggregationRule"}
    (write,) = reconcile([plain], [wanted])
    assert write.obj["aggregationRule"] == wanted["aggregationRule"]


# ---- the rules themselves, as upstream's golden files have them


def rules_of(kind: str, name: str, namespace: str = "") -> list[Any]:
    return next(
        o["rules"]
        for o in objects()
        if (o["kind"], o["metadata"]["name"], o["metadata"].get("namespace", "")) == (kind, name, namespace)
    )


def rule(verbs: str, group: str, resources: str) -> dict[str, Any]:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}


READ = "get list watch"
HELD = [
    ("ClusterRole", "system:node", rule("create patch update", "", "events")),
    ("ClusterRole", "system:node", rule("deletecollection", "resource.k8s.io", "resourceslices")),
    ("ClusterRole", "system:node", rule(READ, "certificates.k8s.io", "clustertrustbundles")),
    ("ClusterRole", "system:node", rule("get", "", "serviceaccounts")),
    ("ClusterRole", "system:kube-scheduler", rule("create", "coordination.k8s.io", "leases")),
    ("ClusterRole", "system:kube-scheduler", rule("get list patch update watch", "", "pods/finalizers")),
    ("ClusterRole", "system:kubelet-api-admin", rule("*", "", "nodes/configz nodes/healthz nodes/pods")),
    (
        "ClusterRole",
        "system:cluster-trust-bundle-discovery",
        rule(READ, "certificates.k8s.io", "clustertrustbundles"),
    ),
    (
        "ClusterRole",
        "system:controller:resource-claim-controller",
        rule("patch update", "resource.k8s.io", "resourceclaims/binding"),
    ),
    ("ClusterRole", "system:monitoring", {"verbs": ["get"], "nonResourceURLs": ["/statusz"]}),
]


@pytest.mark.parametrize(("kind", "name", "held"), HELD)
def test_a_role_has_the_rule(kind: str, name: str, held: dict[str, Any]) -> None:
    assert held in rules_of(kind, name)


def test_locks_of_leaders_are_leases() -> None:
    for name in ("kube-controller-manager", "kube-scheduler"):
        assert rules_of("Role", f"system::leader-locking-{name}", "kube-system") == [
            rule("create get list update watch", "coordination.k8s.io", resource)
            for resource in ("leases", "leasecandidates")
        ]


def test_where_tokens_come_from_is_read_with_and_without_a_slash() -> None:
    assert rules_of("ClusterRole", "system:service-account-issuer-discovery") == [
        {
            "verbs": ["get"],
            "nonResourceURLs": [
                "/.well-known/openid-configuration",
                "/.well-known/openid-configuration/",
                "/openid/v1/jwks",
                "/openid/v1/jwks/",
            ],
        }
    ]
