"""Time from `kubectl apply` to a pod that is Ready, on real containerd with the image present, alone and twenty at once.

Runs in a network namespace of its own with the images and the registry of the tests on real parts (root).
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.pyberup import Kubectl
from tests.real.realcluster import real_cluster

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {{name: main, image: "docker.io/nginx:latest", imagePullPolicy: IfNotPresent}}
"""


def until_ready(kubectl: Kubectl, name: str, replicas: int) -> float:
    """Seconds from the start of `kubectl apply` until every pod is available."""
    started = time.perf_counter()
    kubectl("apply", "-f", "-", stdin=MANIFEST.format(name=name, replicas=replicas))
    condition = f"--for=jsonpath={{.status.availableReplicas}}={replicas}"
    kubectl("wait", f"deployment/{name}", condition, "--timeout=120s", timeout=130)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, real_cluster(Path(directory)) as cluster:
        until_ready(cluster.kubectl, "warm", 1)  # pulls the image
        times = sorted(until_ready(cluster.kubectl, f"one{number}", 1) for number in range(5))
        print(f"apply to Ready, one pod      {times[2]:.2f} s (median of 5; kubectl itself included)")
        print(f"apply to Ready, twenty pods  {until_ready(cluster.kubectl, 'many', 20):.2f} s")


if __name__ == "__main__":
    main()
