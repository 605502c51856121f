"""A whole cluster with a hollow node as its own process, shared by the tests of this folder; each has a namespace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.pyberup import Kubectl, PyberUp, free_port, pyber_up

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyberUp]:
    """`pyber up` with one hollow node on free ports of loopback."""
    state = tmp_path_factory.mktemp("cluster") / "state"
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    with pyber_up(state, "--node", "hollow", "--bind-address", "127.0.0.1", *ports) as running:
        yield running


@pytest.fixture
def kubectl(hollow: PyberUp) -> Kubectl:
    return hollow.kubectl


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    """A fresh namespace."""
    name = f"t{next(_numbers)}"
    kubectl("create", "namespace", name)
    return name
