"""The scenarios of `tests/scenarios` against `pyber up` on containerd; the library runs the same in virtual time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.real.realcluster import RealCluster
from tests.scenarios.scenarios import BY_NAME

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", BY_NAME)
def test_scenario(real: RealCluster, namespace: str, name: str) -> None:
    command = [*real.prefix, sys.executable, "-m", "tests.scenarios.remote"]
    done = subprocess.run(
        [*command, str(real.kubectl.kubeconfig), namespace, name],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
