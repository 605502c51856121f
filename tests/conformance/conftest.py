"""One cluster of two hollow nodes in virtual time for the scenarios of a file; each test has a namespace of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.testing.plugin import RUNNER, Runner
from tests.conformance.commands import Kubectl
from tests.conformance.scenario import Raw, administrators_token
from tests.pyberup import Kubectl as RealKubectl

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def world() -> Iterator[Runner]:
    """The event loop in which the cluster and every async test run."""
    runner = Runner()
    try:
        cluster = runner.cluster = Cluster(nodes=2, time="virtual", history=False)
        runner.run(cluster.__aenter__())
        try:
            yield runner
        finally:
            runner.run(cluster.__aexit__(None, None, None))
    finally:
        runner.close()


@pytest.fixture(scope="module")
def token(world: Runner) -> str:
    """A bearer token with all rights."""
    assert world.cluster is not None
    made: str = world.run(administrators_token(world.cluster))
    return made


@pytest.fixture
def c(request: pytest.FixtureRequest, world: Runner) -> Iterator[Cluster]:
    """The cluster; the test that asks for it runs in its loop."""
    assert world.cluster is not None
    request.node.stash[RUNNER] = world
    yield world.cluster
    del request.node.stash[RUNNER]


@pytest.fixture
def ns(c: Cluster, world: Runner) -> Iterator[str]:
    """A fresh namespace, deleted in the end (nobody waits for it)."""
    name = f"t{next(_numbers)}"
    world.run(c.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    yield name
    world.run(c.client.delete(kinds.NAMESPACE, name))


@pytest.fixture
def raw(c: Cluster, token: str) -> Raw:
    """The API as bytes: for what a client library would hide."""
    return Raw(c, token)


@pytest.fixture
def kubectl(c: Cluster, world: Runner, ns: str, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Real kubectl as the administrator, in the test's namespace."""
    served = world.run(c.serve())
    return Kubectl(RealKubectl(Path(served.kubeconfig), cache=tmp_path_factory.getbasetemp()), ns, c.clock)
