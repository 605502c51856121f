"""What the official client can do besides the life of a kind: a function per part, and in `SCENARIOS` the methods of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from .clientcalls import MERGE, NAMESPACE, SPEC, Called, refused, running
from .clientclusterwide import (
    core_versions,
    custom_objects,
    group,
    groups,
    issuer,
    keys,
    options_of_deletions,
    resources,
    versions,
    what_controllers_write,
)
from .everykind import CLASSES, signing_request

HTTP = ("get", "head", "options", "post", "put", "patch", "delete")


def proxies(core: Called) -> None:
    running(core, "proxied")
    service = {"selector": {"app": "proxied"}, "ports": [{"port": 80}]}
    core.group.create_namespaced_service(NAMESPACE, {"metadata": {"name": "proxied"}, "spec": service})
    slices = client.DiscoveryV1Api(core.api)
    end = time.monotonic() + 15
    while not [
        endpoint
        for each in slices.list_namespaced_endpoint_slice(
            NAMESPACE, label_selector="kubernetes.io/service-name=proxied"
        ).items
        for endpoint in each.endpoints or ()
        if endpoint.conditions.ready
    ]:
        assert time.monotonic() < end
        time.sleep(0.02)
    node = core.group.list_node(label_selector="kubernetes.io/hostname").items[0].metadata.name
    for verb in HTTP:
        expected = "" if verb == "head" else "ok"
        for what in ("pod", "service"):
            plain = getattr(core, f"connect_{verb}_namespaced_{what}_proxy")
            deeper = getattr(core, f"connect_{verb}_namespaced_{what}_proxy_with_path")
            assert plain("proxied", NAMESPACE) == expected
            assert deeper("proxied", NAMESPACE, "a/b") == expected
        assert refused(getattr(core, f"connect_{verb}_node_proxy"), node).status == 404, (
            "a kubelet has nothing at its root"
        )
        answer = getattr(core, f"connect_{verb}_node_proxy_with_path")(node, "healthz")
        assert answer == expected
    assert refused(core.connect_get_namespaced_pod_proxy, "none", NAMESPACE).status == 404
    assert core.api.raw["details"] == {"name": "none", "kind": "pods"}


def streams(core: Called) -> None:
    """Without an upgrade there are no streams."""
    running(core, "streamed")
    for verb in ("get", "post"):
        for what, options in (
            ("exec", {"command": ["ls"], "stdout": True}),
            ("attach", {}),
            ("portforward", {"ports": "80"}),
        ):
            call = getattr(core, f"connect_{verb}_namespaced_pod_{what}")
            error = refused(call, "streamed", NAMESPACE, **options)
            raw = core.api.raw
            assert (error.status, raw["reason"], raw["message"]) == (
                400,
                "BadRequest",
                "Upgrade request required",
            )
    assert (
        refused(
            core.connect_get_namespaced_pod_exec, "streamed", NAMESPACE, container="none", command=["ls"]
        ).status
        == 400
    )
    assert isinstance(core.read_namespaced_pod_log("streamed", NAMESPACE, tail_lines=3, timestamps=True), str)
    assert refused(core.read_namespaced_pod_log, "streamed", NAMESPACE, container="none").status == 400


def parts_of_pods(core: Called) -> None:
    running(core, "parts")
    debugger = {"name": "debug", "image": "busybox"}
    read = core.read_namespaced_pod_ephemeralcontainers("parts", NAMESPACE)
    assert type(read) is client.V1Pod
    patch = {"spec": {"ephemeralContainers": [debugger]}}
    patched = core.patch_namespaced_pod_ephemeralcontainers(
        "parts", NAMESPACE, patch, _content_type="application/strategic-merge-patch+json"
    )
    assert [each.name for each in patched.spec.ephemeral_containers] == ["debug"]
    same(
        lambda: core.group.read_namespaced_pod("parts", NAMESPACE),
        core.replace_namespaced_pod_ephemeralcontainers,
    )
    read = core.read_namespaced_pod_resize("parts", NAMESPACE)
    assert type(read) is client.V1Pod
    same(lambda: core.read_namespaced_pod_resize("parts", NAMESPACE), core.replace_namespaced_pod_resize)
    core.patch_namespaced_pod_resize("parts", NAMESPACE, {"metadata": {}}, _content_type=MERGE)


def same(read: Callable[[], Any], replace: Callable[..., Any]) -> None:
    """What is written as it was read changes nothing."""
    for _ in range(50):
        before = read()
        try:
            after = replace(before.metadata.name, before.metadata.namespace, before)
        except ApiException as error:
            if error.status != 409:
                raise
            continue
        assert after.metadata.resource_version == before.metadata.resource_version
        return
    raise AssertionError("somebody writes all the time")


def bindings_and_evictions(core: Called) -> None:
    for name in ("bound", "bound-2"):
        core.group.create_namespaced_pod(
            NAMESPACE, {"metadata": {"name": name}, "spec": {**SPEC, "schedulerName": "nobody"}}
        )
    target = {"apiVersion": "v1", "kind": "Node", "name": "node1"}
    # upstream answers with a Status where its document promises a Binding
    core.create_namespaced_binding(
        NAMESPACE, {"metadata": {"name": "bound"}, "target": target}, _preload_content=False
    )
    binding = {"metadata": {"name": "bound-2"}, "target": target}
    answer = core.create_namespaced_pod_binding("bound-2", NAMESPACE, binding, _preload_content=False)
    assert answer.status == 201
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": 201,
    }
    assert core.group.read_namespaced_pod("bound", NAMESPACE).spec.node_name == "node1"
    eviction = {"metadata": {"name": "bound"}, "deleteOptions": {"gracePeriodSeconds": 0}}
    answer = core.create_namespaced_pod_eviction("bound", NAMESPACE, eviction, _preload_content=False)
    assert (answer.status, answer.json()["status"]) == (201, "Success")
    twice = refused(core.create_namespaced_pod_binding, "bound-2", NAMESPACE, binding)
    assert (twice.status, core.api.raw["reason"]) == (409, "Conflict")


def tokens(core: Called) -> None:
    core.group.create_namespaced_service_account(NAMESPACE, {"metadata": {"name": "robot"}})
    asked = {"spec": {"audiences": [], "expirationSeconds": 600}}
    made = core.create_namespaced_service_account_token("robot", NAMESPACE, asked)
    assert type(made) is client.AuthenticationV1TokenRequest
    assert made.status.token.count(".") == 2
    assert core.api.code == 201
    review = client.AuthenticationV1Api(core.api).create_token_review({"spec": {"token": made.status.token}})
    assert review.status.user.username == f"system:serviceaccount:{NAMESPACE}:robot"


def namespaces(core: Called) -> None:
    core.group.create_namespace({"metadata": {"name": "final"}, "spec": {"finalizers": ["example.org/keep"]}})
    made = core.group.read_namespace("final")
    assert made.spec.finalizers == ["example.org/keep", "kubernetes"]
    core.group.delete_namespace("final")
    end = time.monotonic() + 15
    while (made := core.group.read_namespace("final")).spec.finalizers != ["example.org/keep"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert made.status.phase == "Terminating"
    made.spec.finalizers = []
    done = core.replace_namespace_finalize("final", made)
    assert type(done) is client.V1Namespace
    assert refused(core.group.read_namespace, "final").status == 404


def component_statuses(core: Called) -> None:
    found = core.list_component_status()
    assert {each.metadata.name for each in found.items} >= {"controller-manager", "scheduler", "etcd-0"}
    assert core.read_component_status("etcd-0").conditions[0].type == "Healthy"


def approval(certificates: Called) -> None:
    spec = {"request": signing_request(), "signerName": "example.org/signer", "usages": ["client auth"]}
    certificates.group.create_certificate_signing_request({"metadata": {"name": "approved"}, "spec": spec})
    read = certificates.read_certificate_signing_request_approval("approved")
    assert read.spec.username == "kubernetes-admin"
    read.status.conditions = [{"type": "Approved", "status": "True", "reason": "Tested", "message": "m"}]
    written = certificates.replace_certificate_signing_request_approval("approved", read)
    assert written.status.conditions[0].last_update_time is not None
    patched = certificates.patch_certificate_signing_request_approval(
        "approved", {"metadata": {}}, _content_type=MERGE
    )
    assert patched.metadata.resource_version == written.metadata.resource_version
    certificates.group.delete_certificate_signing_request("approved")


def reviews_of_access(authorization: Called) -> None:
    attributes = {"verb": "get", "resource": "pods", "namespace": NAMESPACE}
    own = authorization.create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
    assert own.status.allowed is True
    spec = {"resourceAttributes": attributes, "user": "nobody"}
    assert authorization.create_subject_access_review({"spec": spec}).status.allowed is False
    local = {"metadata": {"namespace": NAMESPACE}, "spec": spec}
    assert (
        authorization.create_namespaced_local_subject_access_review(NAMESPACE, local).status.allowed is False
    )
    rules = authorization.create_self_subject_rules_review({"spec": {"namespace": NAMESPACE}})
    assert rules.status.incomplete is True
    assert rules.status.evaluation_error == "node authorizer does not support user rule resolution"
    assert {"*"} in [set(rule.verbs) for rule in rules.status.resource_rules]
    assert authorization.api.code == 201


def reviews_of_identity(authentication: Called) -> None:
    assert authentication.create_self_subject_review({}).status.user_info.username == "kubernetes-admin"
    review = authentication.create_token_review({"spec": {"token": "none"}})
    assert authentication.api.code == 201
    assert not review.status.authenticated


GROUPS = (
    "Admissionregistration",
    "Apiextensions",
    "Apiregistration",
    "Apps",
    "Authentication",
    "Authorization",
    "Autoscaling",
    "Batch",
    "Certificates",
    "Coordination",
    "Discovery",
    "Events",
    "FlowcontrolApiserver",
    "Networking",
    "Node",
    "Policy",
    "RbacAuthorization",
    "Resource",
    "Scheduling",
    "Storage",
    "Storagemigration",
)

Scenario = tuple[str, Callable[[Called], None], str]
SCENARIOS: tuple[Scenario, ...] = (
    ("CoreV1Api", proxies, r"connect_.*_proxy(_with_path)?"),
    ("CoreV1Api", streams, r"connect_.*_(exec|attach|portforward)|read_namespaced_pod_log"),
    ("CoreV1Api", parts_of_pods, r".*_pod_(ephemeralcontainers|resize)"),
    ("CoreV1Api", bindings_and_evictions, r"create_.*_(binding|eviction)"),
    ("CoreV1Api", tokens, r"create_namespaced_service_account_token"),
    ("CoreV1Api", namespaces, r"replace_namespace_finalize"),
    ("CoreV1Api", component_statuses, r".*_component_status"),
    ("CertificatesV1Api", approval, r".*_approval"),
    ("AuthorizationV1Api", reviews_of_access, r"create_.*"),
    ("AuthenticationV1Api", reviews_of_identity, r"create_.*"),
    ("CustomObjectsApi", custom_objects, r".*"),
    ("VersionApi", versions, r".*"),
    ("OpenidApi", keys, r".*"),
    ("WellKnownApi", issuer, r".*"),
    ("ApisApi", groups, r".*"),
    ("CoreApi", core_versions, r".*"),
    ("CoreV1Api", options_of_deletions, "delete_namespaced_pod"),
    ("CoreV1Api", what_controllers_write, ""),
    *((f"{name}Api", group, "get_api_group") for name in GROUPS),
    *((name, resources, "get_api_resources") for name in CLASSES.values()),
    ("AuthenticationV1Api", resources, "get_api_resources"),
    ("AuthorizationV1Api", resources, "get_api_resources"),
)
"""(class of the client, scenario, form of the names of the methods that it must call, every one)."""
