"""kopf: an operator's loop over a custom resource: handlers, status, finalizers, events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import kopf
import pytest

from tests.pyberup import Kubectl, PyberUp, eventually

pytestmark = pytest.mark.peer

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: greetings.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Greeting, plural: greetings, singular: greeting, shortNames: [gr]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Whom, type: string, jsonPath: .spec.whom}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [whom]
            properties: {whom: {type: string, minLength: 1}, times: {type: integer, default: 1}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@pytest.fixture
def operator(
    hollow: PyberUp, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> Iterator[kopf.OperatorRegistry]:
    """A running operator that makes a ConfigMap for each Greeting."""
    kubectl("apply", "-f", "-", stdin=CRD)
    kubectl("wait", "crd/greetings.example.org", "--for=condition=Established", "--timeout=20s")
    monkeypatch.setenv("KUBECONFIG", str(hollow.state / "kubeconfig"))
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**given: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**given)

    @kopf.on.create("greetings.example.org", registry=registry)
    @kopf.on.update("greetings.example.org", registry=registry)
    async def greet(spec: kopf.Spec, patch: kopf.Patch, **_: object) -> None:
        patch.status["said"] = ", ".join([f"hello {spec['whom']}"] * spec["times"])

    @kopf.on.delete("greetings.example.org", registry=registry)
    async def part(logger: kopf.Logger, **_: object) -> None:
        logger.info("goodbye")

    stop, ready = threading.Event(), threading.Event()
    running = threading.Thread(
        target=lambda: asyncio.run(
            kopf.operator(
                registry=registry, clusterwide=True, standalone=True, stop_flag=stop, ready_flag=ready
            )
        )
    )
    running.start()
    assert ready.wait(20)
    yield registry
    stop.set()
    running.join(20)
    assert not running.is_alive()
    kubectl("delete", "crd", "greetings.example.org")


def greeting(name: str, whom: str) -> str:
    return (
        f"{{apiVersion: example.org/v1, kind: Greeting, metadata: {{name: {name}}}, spec: {{whom: {whom}}}}}"
    )


@pytest.mark.usefixtures("operator")
def test_an_operator_lives_by_its_custom_resource(kubectl: Kubectl, namespace: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=greeting("g", "world"))

    def said() -> str:
        return kubectl("get", "-n", namespace, "greeting", "g", "-o", "jsonpath={.status.said}")

    eventually("the handler of create", lambda: said() == "hello world")
    assert "kopf" in kubectl("get", "-n", namespace, "gr", "g", "-o", "jsonpath={.metadata.finalizers}")
    kubectl("patch", "-n", namespace, "gr", "g", "--type=merge", "-p", '{"spec":{"whom":"moon","times":2}}')
    eventually("the handler of update", lambda: said() == "hello moon, hello moon")
    assert "moon" in kubectl("get", "-n", namespace, "gr").splitlines()[1]
    kubectl("delete", "-n", namespace, "greeting", "g", "--timeout=20s")
    assert kubectl.run("get", "-n", namespace, "greeting", "g").returncode == 1
