"""Claims on a real node: a pod's data outlives the pod, and goes with the claim."""

from __future__ import annotations

import pytest

from tests.pyberup import Kubectl, eventually
from tests.real.realcluster import RealCluster

pytestmark = pytest.mark.real

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %(name)s}
spec:
  terminationGracePeriodSeconds: 0
  restartPolicy: Never
  securityContext: {runAsUser: 1000}
  volumes: [{name: v, %(volume)s}]
  containers:
  - name: c
    image: busybox
    command: [sh, -c, '%(command)s']
    volumeMounts: [%(mount)s]
"""
OF_CLAIM = "persistentVolumeClaim: {claimName: data}"
WHOLE = "{name: v, mountPath: /data}"


def pod(name: str, command: str, volume: str = OF_CLAIM, mount: str = WHOLE) -> str:
    return POD % {"name": name, "command": command, "volume": volume, "mount": mount}


def directory(real: RealCluster, kubectl: Kubectl, namespace: str, claim: str = "data") -> str:
    """Where the volume of a claim is on the node."""
    name = kubectl.json("get", "pvc", claim, "-n", namespace)["spec"]["volumeName"]
    volume = kubectl.json("get", "pv", name)
    path = str(volume["spec"]["hostPath"]["path"])
    assert path == f"{real.directory}/state/volumes/{name}"
    return path


def test_what_a_pod_writes_the_next_one_reads_until_the_claim_is_deleted(
    real: RealCluster, kubectl: Kubectl, namespace: str
) -> None:
    n = ("-n", namespace)
    kubectl("apply", *n, "-f", "-", stdin=CLAIM)
    kubectl(
        "apply", *n, "-f", "-", stdin=pod("writer", "mkdir /data/sub; echo hello > /data/sub/x; sleep 1000")
    )
    kubectl("wait", *n, "pod/writer", "--for=condition=Ready", "--timeout=60s")
    path = directory(real, kubectl, namespace)
    eventually("the file is on the node", lambda: real.shell(f"cat {path}/sub/x") == "hello\n")
    kubectl("delete", *n, "pod/writer")
    reader = pod(
        "reader",
        "cat /sub/x; touch /sub/y || echo refused; sleep 1000",
        mount="{name: v, mountPath: /sub, subPath: sub, readOnly: true}",
    )
    kubectl("apply", *n, "-f", "-", stdin=reader)
    kubectl("wait", *n, "pod/reader", "--for=condition=Ready", "--timeout=60s")
    eventually("it is read", lambda: "refused" in kubectl("logs", *n, "reader"))
    assert "hello" in kubectl("logs", *n, "reader").splitlines()
    kubectl("delete", *n, "pvc/data", "--wait=false")
    claim = kubectl.json("get", "pvc", "data", *n)
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"], "a pod uses it"
    assert real.shell(f"ls {path}") == "sub\n"
    kubectl("delete", *n, "pod/reader")
    kubectl("wait", *n, "pvc/data", "--for=delete", "--timeout=30s")
    volume = path.rpartition("/")[2]
    kubectl("wait", f"pv/{volume}", "--for=delete", "--timeout=30s")
    assert real.shell(f"test -e {path} && echo there") == ""


def test_an_ephemeral_volume_comes_and_goes_with_its_pod(
    real: RealCluster, kubectl: Kubectl, namespace: str
) -> None:
    n = ("-n", namespace)
    template = "{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}"
    volume = f"ephemeral: {{volumeClaimTemplate: {template}}}"
    kubectl("apply", *n, "-f", "-", stdin=pod("p", "echo hi > /data/x; sleep 1000", volume))
    kubectl("wait", *n, "pod/p", "--for=condition=Ready", "--timeout=60s")
    path = directory(real, kubectl, namespace, "p-v")
    eventually("the file is on the node", lambda: real.shell(f"cat {path}/x") == "hi\n")
    kubectl("delete", *n, "pod/p")
    kubectl("wait", *n, "pvc/p-v", "--for=delete", "--timeout=60s")
    eventually("the directory is gone", lambda: not real.shell(f"ls -d {path} 2>/dev/null"))


def test_a_local_volume_is_given_to_the_pods_group_and_a_missing_one_is_told(
    real: RealCluster, kubectl: Kubectl, namespace: str
) -> None:
    n = ("-n", namespace)
    disk = f"{real.directory}/disk-{namespace}"
    volume = f"""
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {namespace}-local}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  persistentVolumeReclaimPolicy: Retain
  claimRef: {{namespace: {namespace}, name: data}}
  local: {{path: {disk}}}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [node1]}}]
---
{CLAIM.replace("spec: {", 'spec: {storageClassName: "", ')}
"""
    kubectl("apply", *n, "-f", "-", stdin=volume)
    group = pod("p", "echo hi > /data/x; stat -c %g /data/x; sleep 1000")
    group = group.replace("{runAsUser: 1000}", "{runAsUser: 1000, fsGroup: 4321}")
    kubectl("apply", *n, "-f", "-", stdin=group)
    message = f'MountVolume.NewMounter initialization failed for volume "{namespace}-local" : path "{disk}" does not exist'
    eventually("the failure is told", lambda: message in kubectl("get", "events", *n))
    real.shell(f"mkdir {disk}")
    kubectl("wait", *n, "pod/p", "--for=condition=Ready", "--timeout=60s")
    eventually("it was written", lambda: kubectl("logs", *n, "p") == "4321\n")
    assert real.shell(f"cat {disk}/x") == "hi\n"
    kubectl("delete", *n, "pod/p", "pvc/data")
    kubectl("delete", f"pv/{namespace}-local")


def test_a_pod_that_was_bound_by_hand_waits_for_its_claim(kubectl: Kubectl, namespace: str) -> None:
    n = ("-n", namespace)
    unbound = CLAIM.replace("spec: {", "spec: {storageClassName: nowhere, ")
    kubectl("apply", *n, "-f", "-", stdin=unbound)
    bound = pod("p", "sleep 1000").replace("spec:\n", "spec:\n  nodeName: node1\n", 1)
    kubectl("apply", *n, "-f", "-", stdin=bound)
    message = (
        "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
        f"failed to process volumes=[v]: error processing PVC {namespace}/data: PVC is not bound"
    )
    eventually("the failure is told", lambda: message in kubectl("get", "events", *n))
    assert kubectl.json("get", "pod", "p", *n)["status"]["phase"] == "Pending"
    kubectl("delete", *n, "pod/p", "pvc/data")
