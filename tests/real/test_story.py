"""The story of the README on real parts: containerd, CNI, nftables, a registry, real kubectl, no way to the internet.

One cluster in a network namespace of its own serves all tests of this file; each has a Kubernetes namespace.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually, free_port
from tests.real.realcluster import RealCluster

pytestmark = pytest.mark.real

MANIFEST = Path(__file__).parents[1] / "manifests" / "nginx.yaml"


def apply(kubectl: Kubectl, namespace: str, manifest: str) -> None:
    kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest)


def shell_pod(kubectl: Kubectl, namespace: str, name: str = "shell", extra: str = "") -> None:
    """A busybox pod that waits, Ready when this returns."""
    manifest = f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sleep, "3600"]
{extra}"""
    apply(kubectl, namespace, manifest)
    kubectl("wait", "-n", namespace, f"pod/{name}", "--for=condition=Ready", "--timeout=60s")


def in_pod(kubectl: Kubectl, namespace: str, *command: str, pod: str = "shell") -> str:
    return kubectl("exec", "-n", namespace, pod, "--", *command)


@pytest.fixture
def nginx(kubectl: Kubectl, namespace: str) -> str:
    """The seed's Deployment, verbatim, rolled out."""
    kubectl("apply", "-n", namespace, "-f", str(MANIFEST))
    kubectl("rollout", "status", "-n", namespace, "deployment/nginx", "--timeout=90s")
    return namespace


def test_the_deployment_answers_through_its_service_and_name(
    real: RealCluster, kubectl: Kubectl, nginx: str
) -> None:
    kubectl("scale", "-n", nginx, "deployment/nginx", "--replicas=2")
    kubectl("expose", "-n", nginx, "deployment/nginx", "--port=80", "--type=NodePort")
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=60s")
    service = kubectl.json("get", "-n", nginx, "service", "nginx")["spec"]
    ip, node_port = service["clusterIP"], service["ports"][0]["nodePort"]
    pods = {
        p["metadata"]["name"]: p["status"]["podIP"] for p in kubectl.json("get", "-n", nginx, "pods")["items"]
    }
    for name in pods:  # each page says which pod served it
        in_pod(kubectl, nginx, "sh", "-c", f"echo {name} > /usr/share/nginx/html/who", pod=name)

    def fetch(url: str) -> str:
        return real.shell(f"curl -sS --max-time 5 {url}").strip()

    def spread() -> bool:
        return set(Counter(fetch(f"http://{ip}/who") for _ in range(20))) == set(pods)

    eventually("the service spreads over both pods", spread)
    assert fetch(f"http://{real.node_ip}:{node_port}/who") in pods
    shell_pod(kubectl, nginx)
    for name in ("nginx", f"nginx.{nginx}.svc.cluster.local"):
        assert in_pod(kubectl, nginx, "wget", "-qO-", f"http://{name}/who").strip() in pods
    assert "Welcome to nginx" in in_pod(kubectl, nginx, "wget", "-qO-", "http://nginx/")


def test_a_pod_that_is_not_ready_or_deleted_leaves_the_service(
    real: RealCluster, kubectl: Kubectl, namespace: str
) -> None:
    manifest = MANIFEST.read_text().replace("replicas: 1", "replicas: 2") + (
        "        readinessProbe: {exec: {command: [test, '!', -e, /tmp/sick]}, periodSeconds: 1}\n"
        "      terminationGracePeriodSeconds: 1\n"
    )
    apply(kubectl, namespace, manifest)
    kubectl("expose", "-n", namespace, "deployment/nginx", "--port=80")
    kubectl("rollout", "status", "-n", namespace, "deployment/nginx", "--timeout=90s")
    pods = [p["metadata"]["name"] for p in kubectl.json("get", "-n", namespace, "pods")["items"]]
    for name in pods:
        in_pod(kubectl, namespace, "sh", "-c", f"echo {name} > /usr/share/nginx/html/who", pod=name)
    ip = kubectl.json("get", "-n", namespace, "service", "nginx")["spec"]["clusterIP"]

    def served() -> set[str]:
        return {real.shell(f"curl -sS --max-time 5 http://{ip}/who").strip() for _ in range(12)}

    eventually("both serve", lambda: served() == set(pods))
    in_pod(kubectl, namespace, "touch", "/tmp/sick", pod=pods[0])
    eventually("the sick pod leaves", lambda: served() == {pods[1]})
    in_pod(kubectl, namespace, "rm", "/tmp/sick", pod=pods[0])
    eventually("the healed pod comes back", lambda: served() == set(pods))
    kubectl("delete", "-n", namespace, "pod", pods[0], "--wait=false")
    eventually("the deleted pod is gone", lambda: pods[0] not in served(), 10)


def test_what_nobody_owns_is_refused_and_never_leaves(
    real: RealCluster, kubectl: Kubectl, namespace: str
) -> None:
    shell_pod(kubectl, namespace)
    for address in ("10.96.77.77", "10.244.0.250", "10.244.200.9"):
        script = f"timeout 3 nc -w 2 {address} 80 </dev/null; echo code $?"
        assert "code 1" in in_pod(kubectl, namespace, "sh", "-c", script)
        assert (
            real.shell(f"curl -sS --max-time 3 http://{address}/ 2>/dev/null; echo code $?").strip()
            != "code 0"
        )
    assert real.leaked_packets() == 0


def test_names_inside_and_outside(real: RealCluster, kubectl: Kubectl, namespace: str) -> None:
    shell_pod(kubectl, namespace)
    answer = in_pod(kubectl, namespace, "nslookup", "kubernetes.default.svc.cluster.local")
    assert "10.96.0.1" in answer
    outside = in_pod(kubectl, namespace, "nslookup", real.outside_name)
    assert real.outside_address in outside
    environment = in_pod(kubectl, namespace, "env")
    assert "KUBERNETES_SERVICE_HOST=10.96.0.1" in environment
    assert "KUBERNETES_SERVICE_PORT=443" in environment


def test_logs_exec_cp_attach_and_port_forward(
    real: RealCluster, kubectl: Kubectl, nginx: str, tmp_path: Path
) -> None:
    pod = kubectl("get", "-n", nginx, "pods", "-o", "jsonpath={.items[0].metadata.name}")
    ip = kubectl("get", "-n", nginx, "pod", pod, "-o", "jsonpath={.status.podIP}")
    with kubectl.running("logs", "-f", "-n", nginx, pod) as log:
        real.shell(f"curl -s http://{ip}/hello-from-the-test")
        assert any("hello-from-the-test" in line for line in log)  # ends when the line has come
    failed = kubectl.run("exec", "-n", nginx, pod, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (failed.returncode, failed.stdout) == (7, "out\n")
    assert "err" in failed.stderr
    piped = kubectl("exec", "-i", "-n", nginx, pod, "--", "cat", stdin="through stdin")
    assert piped == "through stdin"
    tty = subprocess.run(
        ["script", "-qec", " ".join(kubectl.command("exec", "-it", "-n", nginx, pod, "--", "sh", "-c", "'tty; echo $TERM'")), "/dev/null"],
        env=kubectl.environment, capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "/dev/pts/" in tty.stdout
    source = tmp_path / "page.html"
    source.write_text("copied " * 1000)
    kubectl("cp", "-n", nginx, str(source), f"{pod}:/tmp/page.html")
    kubectl("cp", "-n", nginx, f"{pod}:/tmp/page.html", str(tmp_path / "back.html"))
    assert (tmp_path / "back.html").read_text() == source.read_text()
    port = free_port()
    with kubectl.running("port-forward", "-n", nginx, pod, f"{port}:80") as forwarding:
        assert "Forwarding from 127.0.0.1" in forwarding.readline()
        for _ in range(3):
            assert "Welcome to nginx" in real.shell(f"curl -sS --max-time 5 http://127.0.0.1:{port}/")


def test_a_rolling_update_never_drops_below_what_it_may(kubectl: Kubectl, nginx: str) -> None:
    kubectl("scale", "-n", nginx, "deployment/nginx", "--replicas=4")
    kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=90s")
    command = (
        "get",
        "-n",
        nginx,
        "deployment",
        "nginx",
        "--watch",
        "-o",
        "jsonpath={.status.availableReplicas}{'\\n'}",
    )
    with kubectl.running(*command) as watching:
        kubectl("set", "env", "-n", nginx, "deployment/nginx", "A=b")
        kubectl("rollout", "status", "-n", nginx, "deployment/nginx", "--timeout=120s")
        kubectl("scale", "-n", nginx, "deployment/nginx", "--replicas=5")  # marks the end of what is watched
        counts: list[int] = []
        while not counts or counts[-1] != 5:
            counts.append(int(watching.readline() or 0))
    assert counts
    assert min(counts) >= 3  # maxUnavailable 25 % of 4


PROBES = """
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: http
    image: docker.io/nginx:latest
    startupProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 30}
    readinessProbe: {httpGet: {path: /ready, port: 80}, periodSeconds: 1, failureThreshold: 1}
    livenessProbe: {exec: {command: [test, "!", -e, /tmp/dead]}, periodSeconds: 1, failureThreshold: 1}
"""


def test_probes_of_all_three_kinds(kubectl: Kubectl, namespace: str) -> None:
    apply(kubectl, namespace, PROBES)

    def status() -> dict[str, object]:
        found = kubectl.json("get", "-n", namespace, "pod", "probed").get("status", {})
        return dict((found.get("containerStatuses") or [{}])[0])

    eventually("it starts, not ready", lambda: status().get("started") is True and status()["ready"] is False)
    in_pod(kubectl, namespace, "touch", "/usr/share/nginx/html/ready", pod="probed")
    eventually("ready once the page is there", lambda: status()["ready"] is True)
    in_pod(kubectl, namespace, "touch", "/tmp/dead", pod="probed")
    eventually("liveness restarts it", lambda: status()["restartCount"] == 1, 40)
    for expected in (
        r"Unhealthy .*Readiness probe failed: HTTP probe failed with statuscode: 404",
        r"Unhealthy .*Liveness probe failed",
        r"Killing .*Container http failed liveness probe, will be restarted",
    ):
        eventually(expected, lambda: re.search(expected, kubectl("get", "events", "-n", namespace)))  # noqa: B023


def test_a_crashing_container_backs_off(kubectl: Kubectl, namespace: str) -> None:
    manifest = """
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  containers: [{name: main, image: busybox, command: [sh, -c, "echo dying > /dev/termination-log; exit 3"]}]
"""
    apply(kubectl, namespace, manifest)

    def waiting() -> bool:
        state = kubectl.json("get", "-n", namespace, "pod", "crash").get("status", {}).get(
            "containerStatuses"
        ) or [{}]
        return (state[0].get("state") or {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"

    eventually("CrashLoopBackOff", waiting, 60)
    last = kubectl.json("get", "-n", namespace, "pod", "crash")["status"]["containerStatuses"][0][
        "lastState"
    ]["terminated"]
    assert (last["exitCode"], last["message"], last["reason"]) == (3, "dying\n", "Error")


VOLUMES = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: blue, "file.conf": "a=1\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {password: s3cret}
---
apiVersion: v1
kind: Pod
metadata: {name: volumes, labels: {app: volumes}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sleep, "3600"]
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    env:
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: hidden, key: password}}}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory}}}
    - {name: JOINED, value: "$(COLOR)-$(POD_IP)"}
    envFrom: [{configMapRef: {name: settings}, prefix: CM_}]
    volumeMounts:
    - {name: config, mountPath: /config}
    - {name: secret, mountPath: /secret}
    - {name: scratch, mountPath: /scratch}
    - {name: memory, mountPath: /memory}
    - {name: host, mountPath: /host}
    - {name: down, mountPath: /down}
  volumes:
  - {name: config, configMap: {name: settings}}
  - {name: secret, secret: {secretName: hidden, defaultMode: 0400}}
  - {name: scratch, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: host, hostPath: {path: HOSTPATH, type: DirectoryOrCreate}}
  - {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
"""


def test_volumes_and_environment(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    apply(kubectl, namespace, VOLUMES.replace("HOSTPATH", str(tmp_path / "shared")))
    kubectl("wait", "-n", namespace, "pod/volumes", "--for=condition=Ready", "--timeout=60s")

    def sh(script: str) -> str:
        return in_pod(kubectl, namespace, "sh", "-c", script, pod="volumes").strip()

    ip = kubectl("get", "-n", namespace, "pod", "volumes", "-o", "jsonpath={.status.podIP}")
    assert (
        sh("echo $COLOR $PASSWORD $POD_IP $MEMORY $JOINED $CM_color")
        == f"blue s3cret {ip} 67108864 blue-{ip} blue"
    )
    assert sh("cat /config/file.conf /secret/password") == "a=1\ns3cret"
    assert sh("stat -L -c %a /secret/password") == "400"
    assert sh("mount | grep ' /memory ' | cut -d' ' -f5") == "tmpfs"
    assert sh("cat /down/labels") == 'app="volumes"'
    sh("echo from-the-pod > /host/note; touch /scratch/x")
    assert (tmp_path / "shared" / "note").read_text() == "from-the-pod\n"
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert sh(f"cat {account}/namespace") == namespace
    assert sh(f"grep -c BEGIN {account}/ca.crt") == "1"
    assert sh(f"cat {account}/token").count(".") == 2
    kubectl("patch", "configmap", "-n", namespace, "settings", "-p", '{"data":{"color":"green"}}')
    eventually("a mounted ConfigMap follows its object", lambda: sh("cat /config/color") == "green", 90)


def test_an_oom_kill_is_seen(kubectl: Kubectl, namespace: str) -> None:
    manifest = """
apiVersion: v1
kind: Pod
metadata: {name: hungry}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [dd, if=/dev/zero, of=/dev/null, bs=100M]
    resources: {limits: {memory: 32Mi}}
"""
    apply(kubectl, namespace, manifest)

    def terminated() -> dict[str, object]:
        found = kubectl.json("get", "-n", namespace, "pod", "hungry").get("status", {}).get(
            "containerStatuses"
        ) or [{}]
        return dict((found[0].get("state") or {}).get("terminated") or {})

    eventually("it ends", lambda: bool(terminated()), 60)
    assert (terminated()["reason"], terminated()["exitCode"]) == ("OOMKilled", 137)


IN_CLUSTER = """
from kubernetes import client, config
config.load_incluster_config()
try:
    pods = client.CoreV1Api().list_namespaced_pod(NAMESPACE)
    print("pods", [p.metadata.name for p in pods.items])
except client.exceptions.ApiException as error:
    print("refused", error.status)
"""


def test_the_python_client_in_a_pod(kubectl: Kubectl, namespace: str) -> None:
    script = IN_CLUSTER.replace("NAMESPACE", repr(namespace)).replace("\n", "\n      ")
    manifest = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: program}}
data:
  main.py: |
      {script}
---
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: main, image: python, command: [sleep, "3600"], volumeMounts: [{{name: program, mountPath: /program}}]}}
  volumes: [{{name: program, configMap: {{name: program}}}}]
"""
    apply(kubectl, namespace, manifest)
    kubectl("wait", "-n", namespace, "pod/client", "--for=condition=Ready", "--timeout=90s")
    assert in_pod(kubectl, namespace, "python3", "/program/main.py", pod="client").strip() == "refused 403"
    kubectl(
        "create",
        "rolebinding",
        "-n",
        namespace,
        "view",
        "--clusterrole=view",
        f"--serviceaccount={namespace}:default",
    )
    eventually(
        "the binding works",
        lambda: (
            in_pod(kubectl, namespace, "python3", "/program/main.py", pod="client").strip()
            == "pods ['client']"
        ),
    )


def test_missing_images_back_off_and_say_why(kubectl: Kubectl, namespace: str) -> None:
    apply(
        kubectl,
        namespace,
        "{apiVersion: v1, kind: Pod, metadata: {name: none}, spec: {containers: [{name: a, image: nosuch:1}]}}",
    )

    def reason() -> str:
        found = kubectl.json("get", "-n", namespace, "pod", "none").get("status", {}).get(
            "containerStatuses"
        ) or [{}]
        return str((found[0].get("state") or {}).get("waiting", {}).get("reason"))

    eventually("ErrImagePull or its back-off", lambda: reason() in ("ErrImagePull", "ImagePullBackOff"), 40)
    eventually(
        "the event says why",
        lambda: 'Failed to pull image "nosuch:1"' in kubectl("get", "events", "-n", namespace),
    )
