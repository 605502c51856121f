"""RBAC decisions, escalation, the chain, and the words of a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.errors import Forbidden, NotFound
from pybernetes.apiserver.attributes import Attributes
from pybernetes.apiserver.authz.chain import chain_of
from pybernetes.apiserver.authz.decision import Decision
from pybernetes.apiserver.authz.escalation import check_binding, check_role
from pybernetes.apiserver.authz.forbidden import forbidden
from pybernetes.apiserver.authz.rbac import Rbac
from pybernetes.apiserver.authz.rules import Rule, singles, uncovered
from pybernetes.apiserver.authz.selfsubjectrules import review_status
from pybernetes.apiserver.user import User, service_account_user

GROUP = "rbac.authorization.k8s.io"
ALICE = User("alice", groups=("devs", "system:authenticated"))
ROBOT = service_account_user("ci", "robot")


def pods(verb: str, user: User = ALICE, **rest: Any) -> Attributes:
    return Attributes(user, verb, "", "v1", "pods", **rest)


def role(name: str, *rules: dict[str, Any], namespace: str = "") -> dict[str, Any]:
    return {
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "rules": list(rules),
    }


def binding(
    name: str, role_kind: str, role_name: str, *subjects: tuple[str, str], namespace: str = ""
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role_name},
        "subjects": [{"kind": kind, "name": name} for kind, name in subjects],
    }


READ_PODS = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}


@pytest.fixture
def rbac() -> Rbac:
    rbac = Rbac()
    rbac.put("ClusterRole", role("reader", READ_PODS))
    return rbac


@pytest.mark.parametrize(
    ("rule", "attributes", "allowed"),
    [
        (READ_PODS, pods("get"), True),
        (READ_PODS, pods("delete"), False),
        (READ_PODS, pods("get", subresource="log"), False),
        (READ_PODS, Attributes(ALICE, "get", "apps", "v1", "pods"), False),
        (
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            pods("anything", subresource="exec"),
            True,
        ),
        (
            {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]},
            pods("get", subresource="log"),
            True,
        ),
        ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]}, pods("get"), False),
        (
            {"verbs": ["get"], "apiGroups": ["*"], "resources": ["*/scale"]},
            Attributes(ALICE, "get", "apps", "v1", "deployments", "scale"),
            True,
        ),
        (
            {"verbs": ["get"], "apiGroups": ["*"], "resources": ["*/scale"]},
            Attributes(ALICE, "get", "apps", "v1", "deployments"),
            False,
        ),
        ({**READ_PODS, "resourceNames": ["web"]}, pods("get", name="web"), True),
        ({**READ_PODS, "resourceNames": ["web"]}, pods("get", name="db"), False),
        ({**READ_PODS, "resourceNames": ["web"]}, pods("list"), False),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/metrics", "/healthz/*"]},
            Attributes(ALICE, "get", path="/healthz/etcd", is_resource=False),
            True,
        ),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/healthz/*"]},
            Attributes(ALICE, "get", path="/healthz", is_resource=False),
            False,
        ),
        (
            {"verbs": ["get"], "nonResourceURLs": ["*"]},
            Attributes(ALICE, "get", path="/any", is_resource=False),
            True,
        ),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/metrics"]},
            Attributes(ALICE, "post", path="/metrics", is_resource=False),
            False,
        ),
        (
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            Attributes(ALICE, "get", path="/metrics", is_resource=False),
            False,
        ),
    ],
)
def test_rules(rule: dict[str, Any], attributes: Attributes, allowed: bool) -> None:
    assert Rule.of(rule).allows(attributes) is allowed


def test_reasons_are_upstreams(rbac: Rbac) -> None:
    rbac.put(
        "Role",
        role("edit-pods", {"verbs": ["delete"], "apiGroups": [""], "resources": ["pods"]}, namespace="a"),
    )
    rbac.put("ClusterRoleBinding", binding("all", "ClusterRole", "reader", ("Group", "devs")))
    rbac.put("RoleBinding", binding("here", "Role", "edit-pods", ("User", "alice"), namespace="a"))
    robots = binding("robots", "ClusterRole", "reader", ("ServiceAccount", "robot"), namespace="ci")
    rbac.put("RoleBinding", robots)
    assert rbac.authorize(pods("get")) == Decision(
        True, 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to Group "devs"'
    )
    assert rbac.authorize(pods("delete", namespace="a")) == Decision(
        True, 'RBAC: allowed by RoleBinding "here/a" of Role "edit-pods" to User "alice"'
    )
    assert rbac.authorize(pods("get", ROBOT, namespace="ci")) == Decision(
        True, 'RBAC: allowed by RoleBinding "robots/ci" of ClusterRole "reader" to ServiceAccount "robot/ci"'
    )
    for refused in (
        pods("delete", namespace="b"),
        pods("delete"),
        pods("get", ROBOT),
        pods("get", User("bob")),
    ):
        assert rbac.authorize(refused) == Decision(False)


def test_a_binding_without_its_role_is_named(rbac: Rbac) -> None:
    rbac.put(
        "ClusterRoleBinding", binding("lost", "ClusterRole", "gone", ("Group", "devs"), ("User", "alice"))
    )
    gone = f'clusterrole.{GROUP} "gone" not found'
    assert rbac.authorize(pods("get")) == Decision(False, f"RBAC: {gone}")
    rbac.put("RoleBinding", binding("lost", "Role", "gone2", ("User", "alice"), namespace="a"))
    assert (
        rbac.authorize(pods("get", namespace="a")).reason == f'RBAC: [{gone}, role.{GROUP} "gone2" not found]'
    )
    rbac.put("ClusterRoleBinding", binding("good", "ClusterRole", "reader", ("User", "alice")))
    assert rbac.authorize(pods("get")).allowed


def test_the_index_follows_changes(rbac: Rbac) -> None:
    rbac.put("ClusterRoleBinding", binding("b", "ClusterRole", "reader", ("User", "alice")))
    assert rbac.authorize(pods("get")).allowed
    rbac.put("ClusterRoleBinding", binding("b", "ClusterRole", "reader", ("User", "bob")))
    assert not rbac.authorize(pods("get")).allowed
    assert rbac.authorize(pods("get", User("bob"))).allowed
    rbac.put("ClusterRole", role("reader", {**READ_PODS, "verbs": ["watch"]}))
    assert not rbac.authorize(pods("get", User("bob"))).allowed
    rbac.remove("ClusterRoleBinding", "", "b")
    rbac.remove("ClusterRoleBinding", "", "b")
    assert rbac.rules_for(User("bob"), "") == []
    assert rbac._by_subject == {"": {}}
    rbac.remove("ClusterRole", "", "reader")
    assert rbac.role_rules("ClusterRole", "", "reader") is None


# ---- the chain and its words


def test_the_chain(rbac: Rbac) -> None:
    chain = chain_of(("RBAC",), {"RBAC": rbac})
    assert chain.authorize(pods("get", User("root", groups=("system:masters",)))).allowed
    assert chain.authorize(pods("get")) == Decision(False)
    assert chain_of(("AlwaysAllow",), {}).authorize(pods("get")).allowed
    denied = chain_of(("AlwaysDeny", "RBAC"), {"RBAC": rbac}).authorize(pods("get"))
    assert denied == Decision(False, "Everything is forbidden.")
    with pytest.raises(ValueError, match="unknown authorization mode Magic"):
        chain_of(("Magic",), {})


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            Attributes(ALICE, "list", "apps", "v1", "deployments", namespace="default"),
            'deployments.apps is forbidden: User "alice" cannot list resource "deployments" in API group "apps" in the '
            'namespace "default"',
        ),
        (
            Attributes(ALICE, "get", "", "v1", "nodes", name="n1"),
            'nodes "n1" is forbidden: User "alice" cannot get resource "nodes" in API group "" at the cluster scope',
        ),
        (
            pods("create", subresource="exec", namespace="a", name="web"),
            'pods "web" is forbidden: User "alice" cannot create resource "pods/exec" in API group "" in the namespace "a"',
        ),
        (
            Attributes(ALICE, "get", path="/foo", is_resource=False),
            'forbidden: User "alice" cannot get path "/foo"',
        ),
    ],
)
def test_the_words_of_a_refusal(attributes: Attributes, message: str) -> None:
    assert forbidden(attributes).message == message
    assert forbidden(attributes, "because").message == f"{message}: because"
    status = forbidden(attributes).status()
    assert (status["reason"], status["code"]) == ("Forbidden", 403)


def test_self_subject_rules(rbac: Rbac) -> None:
    rbac.put("ClusterRole", role("urls", {"verbs": ["get"], "nonResourceURLs": ["/healthz"]}))
    rbac.put("ClusterRoleBinding", binding("u", "ClusterRole", "urls", ("User", "alice")))
    rbac.put("RoleBinding", binding("r", "ClusterRole", "reader", ("User", "alice"), namespace="a"))
    chain = chain_of(("RBAC",), {"RBAC": rbac})
    rules, incomplete = chain.rules_for(ALICE, "a")
    assert review_status(rules, incomplete) == {
        "resourceRules": [READ_PODS],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}],
        "incomplete": False,
    }
    root = User("root", groups=("system:masters",))
    assert chain.rules_for(root, "a") == ([], False), "RBAC lists what a binding gives to the group"
    everything, incomplete = chain_of((), {}).rules_for(root, "a")
    assert review_status(everything)["resourceRules"] == [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    ]
    assert not incomplete


@pytest.mark.parametrize(
    "change",
    [
        {"roleRef": None},
        {"roleRef": {"kind": {}, "name": "reader"}},
        {"subjects": [None]},
        {"subjects": [{"kind": "User", "name": ["alice"]}]},
        {"subjects": 3},
    ],
)
def test_a_binding_of_a_wrong_shape_gives_nothing(rbac: Rbac, change: dict[str, Any]) -> None:
    good = binding("r", "ClusterRole", "reader", ("User", "alice"), namespace="a")
    rbac.put("RoleBinding", good)
    assert rbac.rules_for(ALICE, "a")
    rbac.put("RoleBinding", {**good, **change})
    assert not rbac.rules_for(ALICE, "a")
    rbac.remove("RoleBinding", "a", "r")


# ---- escalation


def test_nobody_writes_a_role_with_more_than_they_hold(rbac: Rbac) -> None:
    rbac.put("RoleBinding", binding("r", "ClusterRole", "reader", ("User", "alice"), namespace="a"))
    more = {"verbs": ["get", "delete"], "apiGroups": [""], "resources": ["pods", "secrets"]}
    check_role("Role", role("ok", READ_PODS, namespace="a"), None, ALICE, rbac, rbac.authorize)
    with pytest.raises(Forbidden) as error:
        check_role("Role", role("bad", more, namespace="a"), None, ALICE, rbac, rbac.authorize)
    assert error.value.message == (
        'roles.rbac.authorization.k8s.io "bad" is forbidden: user "alice" (groups=["devs" "system:authenticated"]) is '
        "attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}'
    )
    with pytest.raises(Forbidden):
        check_role("ClusterRole", role("wide", READ_PODS), None, ALICE, rbac, rbac.authorize)
    bad = role("bad", more, namespace="a")
    check_role("Role", bad, bad, ALICE, rbac, rbac.authorize)
    check_role("Role", bad, None, User("root", groups=("system:masters",)), rbac, rbac.authorize)
    escalate = {"verbs": ["escalate"], "apiGroups": [GROUP], "resources": ["roles"], "resourceNames": ["bad"]}
    rbac.put("Role", role("esc", escalate, namespace="a"))
    rbac.put("RoleBinding", binding("esc", "Role", "esc", ("User", "alice"), namespace="a"))
    check_role("Role", bad, None, ALICE, rbac, rbac.authorize, "bad")
    with pytest.raises(Forbidden):
        check_role("Role", bad, None, ALICE, rbac, rbac.authorize)  # a create names nothing


def test_only_garbage_collection_may_touch_a_role_with_more_than_one_holds(rbac: Rbac) -> None:
    old = role("bad", {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, namespace="a")

    def with_metadata(**metadata: Any) -> dict[str, Any]:
        return {**old, "metadata": {**old["metadata"], **metadata}}

    collected = with_metadata(finalizers=["x/y"], ownerReferences=[{"name": "o"}], resourceVersion="7")
    check_role("Role", collected, old, ALICE, rbac, rbac.authorize)
    with pytest.raises(Forbidden, match="not currently held"):
        check_role("Role", with_metadata(labels={"a": "b"}), old, ALICE, rbac, rbac.authorize)


def test_missing_permissions_on_names_and_urls_stand_each_on_a_line(rbac: Rbac) -> None:
    wanted = role(
        "bad",
        {"verbs": ["update", "get"], "apiGroups": [""], "resources": ["nodes"], "resourceNames": ["n"]},
        {"verbs": ["get", "post"], "nonResourceURLs": ["/x"]},
        {"verbs": ["watch", "list"], "apiGroups": [""], "resources": ["nodes"]},
    )
    with pytest.raises(Forbidden) as error:
        check_role("ClusterRole", wanted, None, ALICE, rbac, rbac.authorize)
    assert error.value.message.splitlines()[1:] == [
        '{APIGroups:[""], Resources:["nodes"], ResourceNames:["n"], Verbs:["get"]}',
        '{APIGroups:[""], Resources:["nodes"], ResourceNames:["n"], Verbs:["update"]}',
        '{APIGroups:[""], Resources:["nodes"], Verbs:["watch" "list"]}',
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
        '{NonResourceURLs:["/x"], Verbs:["post"]}',
    ]


def test_an_aggregated_role_needs_everything(rbac: Rbac) -> None:
    aggregated = {**role("agg"), "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}
    with pytest.raises(Forbidden, match="must have cluster-admin privileges"):
        check_role("ClusterRole", aggregated, None, ALICE, rbac, rbac.authorize)
    check_role("ClusterRole", aggregated, aggregated, ALICE, rbac, rbac.authorize)
    with pytest.raises(Forbidden, match="must have cluster-admin privileges"):
        check_role("ClusterRole", role("agg"), aggregated, ALICE, rbac, rbac.authorize)


def test_nobody_binds_a_role_with_more_than_they_hold(rbac: Rbac) -> None:
    new = binding("give", "ClusterRole", "reader", ("User", "bob"), namespace="a")
    with pytest.raises(Forbidden, match=r'rolebindings.*"give" is forbidden: user "alice"'):
        check_binding("RoleBinding", new, None, ALICE, rbac, rbac.authorize)
    check_binding("RoleBinding", new, new, ALICE, rbac, rbac.authorize)
    rbac.put("ClusterRoleBinding", binding("r", "ClusterRole", "reader", ("Group", "devs")))
    check_binding("RoleBinding", new, None, ALICE, rbac, rbac.authorize)
    lost = binding("lost", "Role", "none", ("User", "bob"), namespace="a")
    with pytest.raises(NotFound, match=r'roles\.rbac\.authorization\.k8s\.io "none" not found'):
        check_binding("RoleBinding", lost, None, ALICE, rbac, rbac.authorize)
    bind = {"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["roles"]}
    rbac.put("ClusterRole", role("binder", bind))
    rbac.put("ClusterRoleBinding", binding("binder", "ClusterRole", "binder", ("User", "alice")))
    check_binding("RoleBinding", lost, None, ALICE, rbac, rbac.authorize)


words = st.frozensets(st.sampled_from(("get", "list", "*")), min_size=1)
resources = st.frozensets(st.sampled_from(("pods", "pods/log", "*/log", "*")), min_size=1)
rules = st.lists(
    st.builds(
        Rule, words, st.frozensets(st.sampled_from(("", "apps")), min_size=1), resources,
        st.frozensets(st.sampled_from(("a", "b")), max_size=1),
    ),
    max_size=3,
)  # fmt: skip
requests = st.builds(
    lambda verb, group, sub, name: Attributes(ALICE, verb, group, "v1", "pods", sub, "", name),
    st.sampled_from(("get", "list", "watch")),
    st.sampled_from(("", "apps")),
    st.sampled_from(("", "log")),
    st.sampled_from(("", "a", "b")),
)


@settings(max_examples=200, deadline=None)
@given(rules, rules, st.lists(requests, max_size=8))
def test_what_is_covered_allows_nothing_new(
    owned: list[Rule], wanted: list[Rule], asked: list[Attributes]
) -> None:
    if not uncovered(owned, wanted):
        for attributes in asked:
            if any(rule.allows(attributes) for rule in wanted):
                assert any(rule.allows(attributes) for rule in owned)
    assert uncovered(owned, owned) == []
    for rule in wanted:
        for attributes in asked:
            assert rule.allows(attributes) == any(one.allows(attributes) for one in singles(rule))
