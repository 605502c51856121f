"""The official Python client: typed and dynamic, watch, exec, logs, errors, patches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.pyberup import PyberUp, eventually

pytestmark = pytest.mark.peer


@pytest.fixture
def api(hollow: PyberUp) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(hollow.state / "kubeconfig")) as made:
        yield made


def deployment(name: str, replicas: int = 2) -> client.V1Deployment:
    labels = {"app": name}
    container = client.V1Container(
        name="main", image="nginx", resources=client.V1ResourceRequirements(requests={"cpu": "100m"})
    )
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=replicas,
            selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
            ),
        ),
    )


def replace_image(apps: client.AppsV1Api, namespace: str, image: str) -> tuple[Any, Any]:
    """(What was sent, what came back). The controller may write the status in between: then it is read again."""
    while True:
        sent = apps.read_namespaced_deployment("web", namespace)
        sent.spec.template.spec.containers[0].image = image
        try:
            return sent, apps.replace_namespaced_deployment("web", namespace, sent)
        except ApiException as error:
            if error.status != 409:
                raise


def test_a_deployment_from_create_to_delete(api: client.ApiClient, namespace: str) -> None:
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    made = apps.create_namespaced_deployment(namespace, deployment("web"))
    assert made.metadata.generation == 1
    assert made.spec.strategy.rolling_update.max_surge == "25%"

    def available() -> bool:
        return (apps.read_namespaced_deployment_status("web", namespace).status.available_replicas or 0) == 2

    eventually("two replicas", available)
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 1}})
    eventually(
        "one pod", lambda: len(core.list_namespaced_pod(namespace, label_selector="app=web").items) == 1
    )
    changed, replaced = replace_image(apps, namespace, "nginx:2")
    assert replaced.metadata.generation == 3
    with pytest.raises(ApiException) as conflict:
        apps.replace_namespaced_deployment("web", namespace, changed)
    assert (conflict.value.status, conflict.value.reason) == (409, "Conflict")
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
    eventually("nothing left", lambda: not core.list_namespaced_pod(namespace).items)


def test_a_watch_sees_everything_in_order(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    seen: list[tuple[str, str]] = []

    def follow() -> None:
        stream_ = watch.Watch().stream(
            core.list_namespaced_config_map, namespace, resource_version=start, timeout_seconds=20
        )
        for event in stream_:
            if event["object"].metadata.name == "a":
                seen.append((event["type"], (event["object"].data or {}).get("k", "")))
                if event["type"] == "DELETED":
                    return

    thread = threading.Thread(target=follow)
    thread.start()
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    core.patch_namespaced_config_map("a", namespace, {"data": {"k": "2"}})
    core.delete_namespaced_config_map("a", namespace)
    thread.join(20)
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_pages_and_selectors(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    for number in range(7):
        labels = {"even": str(number % 2 == 0).lower()}
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"m{number}", "labels": labels}})
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, limit=3, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == sorted(names)
    assert {f"m{number}" for number in range(7)} <= set(names)
    chosen = core.list_namespaced_config_map(namespace, label_selector="even in (true)")
    assert [item.metadata.name for item in chosen.items] == ["m0", "m2", "m4", "m6"]
    one = core.list_namespaced_config_map(namespace, field_selector="metadata.name=m3")
    assert [item.metadata.name for item in one.items] == ["m3"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"metadata": {"name": "UPPER"}}, 422, "a lowercase RFC 1123 subdomain must consist of"),
        ({"metadata": {"name": "x", "labels": {"a": "b c"}}}, 422, "metadata.labels: Invalid value"),
        ({"metadata": {}}, 422, "name or generateName is required"),
        ({"metadata": {"name": "x", "resourceVersion": "1"}}, 500, "resourceVersion should not be set"),
    ],
)
def test_errors_arrive_as_status(
    api: client.ApiClient, namespace: str, body: dict[str, Any], status: int, message: str
) -> None:
    with pytest.raises(ApiException) as refused:
        client.CoreV1Api(api).create_namespaced_config_map(namespace, body)
    assert refused.value.status == status
    assert message in refused.value.body


def test_exec_and_logs_of_a_hollow_pod(api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    core.create_namespaced_pod(namespace, pod)
    eventually("running", lambda: core.read_namespaced_pod("p", namespace).status.phase == "Running")
    answer = stream(
        core.connect_get_namespaced_pod_exec, "p", namespace, command=["echo", "hello"],
        stderr=True, stdin=False, stdout=True, tty=False,
    )  # fmt: skip
    assert isinstance(answer, str)
    assert isinstance(core.read_namespaced_pod_log("p", namespace), str)


def test_the_dynamic_client_finds_kinds_by_discovery(api: client.ApiClient, namespace: str) -> None:
    found = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "d"}, "data": {"a": "b"}}
    found.create(body=body, namespace=namespace)
    applied = found.server_side_apply(
        body={**body, "data": {"a": "c"}}, namespace=namespace, field_manager="tests", force_conflicts=True
    )
    assert applied.data.a == "c"
    assert found.get(name="d", namespace=namespace).metadata.name == "d"
    found.delete(name="d", namespace=namespace)


def test_who_am_i_and_what_may_i(api: client.ApiClient, namespace: str) -> None:
    review = client.AuthenticationV1Api(api).create_self_subject_review({})
    assert review.status.user_info.username == "kubernetes-admin"
    spec = {"resourceAttributes": {"verb": "delete", "resource": "pods", "namespace": namespace}}
    allowed = client.AuthorizationV1Api(api).create_self_subject_access_review({"spec": spec})
    assert allowed.status.allowed is True
    token = client.CoreV1Api(api).create_namespaced_service_account_token(
        "default", namespace, {"spec": {"audiences": [], "expirationSeconds": 600}}
    )
    assert token.status.token.count(".") == 2
