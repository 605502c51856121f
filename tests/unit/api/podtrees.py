"""Pods for the tables of their rules."""

from __future__ import annotations

import copy
from typing import Any

from kindrules import new_errors

from pybernetes.api.kinds import POD

GOOD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "c", "image": "nginx"}]},
}
C = "spec.containers[0]"
NOT_RUNNING = "may not be set for init containers without restartPolicy=Always"


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "c", "image": "nginx", **fields}


def pod(**spec: Any) -> dict[str, Any]:
    """`annotations` go to the metadata."""
    annotations = spec.pop("annotations", None)
    tree = copy.deepcopy(GOOD)
    tree["spec"].update(spec)
    if annotations:
        tree["metadata"]["annotations"] = annotations
    return tree


def one(**fields: Any) -> dict[str, Any]:
    return pod(containers=[container(**fields)])


def with_account(**spec: Any) -> dict[str, Any]:
    """A pod of an account, as it is once admission has seen it."""
    return pod(**{"containers": [container(image="i")], "serviceAccountName": "a", **spec})


def beginnings(tree: dict[str, Any], expected: list[str]) -> list[str]:
    """The errors of a new pod, cut where the line that is expected ends in …: it is the beginning of one."""
    found = [f"{field}: {message}" for _, field, message in new_errors(POD, tree)]
    return [
        text if wanted == text else f"{text[: len(wanted) - 2]} …"
        for text, wanted in zip(found, expected, strict=True)
    ]
