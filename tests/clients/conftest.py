"""A whole cluster with a hollow node as its own process; each test drives it with a client of its own and a namespace."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.pyberup import Kubectl, PyberUp, free_port, pyber_up

_numbers = itertools.count(1)
for _module in ("calls", "clusterwide", "judge", "kinds", "scenarios"):
    pytest.register_assert_rewrite(f"tests.clients.client{_module}")


def pytest_configure(config: pytest.Config) -> None:
    """Clients of others are not held to our rule that a warning is an error."""
    for what in (
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "ignore::DeprecationWarning",
        "ignore:Kubernetes version:UserWarning",
    ):
        config.addinivalue_line("filterwarnings", what)


@pytest.fixture(scope="session")
def hollow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyberUp]:
    """`pyber up` with one hollow node on free ports of loopback."""
    state = tmp_path_factory.mktemp("clients") / "state"
    ports = ("--port", str(free_port()), "--kubelet-port", str(free_port()))
    with pyber_up(state, "--node", "hollow", "--bind-address", "127.0.0.1", *ports) as running:
        yield running


@pytest.fixture
def kubectl(hollow: PyberUp) -> Kubectl:
    return hollow.kubectl


@pytest.fixture
def namespace(kubectl: Kubectl) -> str:
    """A fresh namespace with its default service account."""
    name = f"c{next(_numbers)}"
    kubectl("create", "namespace", name)
    kubectl("wait", "-n", name, "serviceaccount/default", "--for=create", "--timeout=20s")
    return name
