"""How scenarios call the official client, and what several of them need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from .clientjudge import Judge

NAMESPACE = "methods"
"""Where scenarios put what they make."""
MERGE = "application/merge-patch+json"
SPEC = {"containers": [{"name": "main", "image": "nginx", "ports": [{"containerPort": 80}]}]}


class Called:
    """A class of the client that notes which methods are called."""

    def __init__(self, api: Judge, api_class: str) -> None:
        self.api, self.group = api, getattr(client, api_class)(api)
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self.group, name)


def refused(call: Callable[..., Any], *given: Any, **options: Any) -> ApiException:
    with pytest.raises(ApiException) as error:
        call(*given, **options)
    return error.value


def running(core: Called, name: str, **spec: Any) -> client.V1Pod:
    """A pod that runs on the hollow node."""
    labels = {"app": name}
    core.group.create_namespaced_pod(
        NAMESPACE, {"metadata": {"name": name, "labels": labels}, "spec": {**SPEC, **spec}}
    )
    end = time.monotonic() + 15
    while (pod := core.group.read_namespaced_pod(name, NAMESPACE)).status.phase != "Running":
        assert time.monotonic() < end, pod.status
        time.sleep(0.02)
    return pod
