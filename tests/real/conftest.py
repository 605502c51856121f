"""Fixtures of the tests on real parts. A part that is missing is an error that names it: the set-up installs them."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.pyberup import Kubectl
from tests.real.realcluster import RealCluster, real_cluster

PARTS = (
    "containerd",
    "runc",
    "nft",
    "iptables",
    "ip",
    "conntrack",
    "docker-registry",
    "skopeo",
    "busybox",
    "etcd",
)
_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def parts() -> None:
    """Root and every part that these tests stand on."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    missing = [name for name in PARTS if shutil.which(name, path=path) is None]
    assert os.geteuid() == 0, "these tests need root"
    assert not missing, (
        f"not installed: {', '.join(missing)} (scripts/install_node_parts.sh --tests installs them)"
    )


@pytest.fixture(scope="session", params=["journal", "etcd"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One real cluster over each store for all tests that ask for it."""
    with real_cluster(tmp_path_factory.mktemp("real"), request.param) as cluster:
        yield cluster


@pytest.fixture
def kubectl(real: RealCluster) -> Kubectl:
    return real.kubectl


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A fresh namespace, deleted afterwards so that the node is not crowded."""
    name = f"t{next(_numbers)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
