"""Every generator of `kubectl create`, and `run`, `expose`, `autoscale`: what is printed and what is there then."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.pyberup import Kubectl

pytestmark = pytest.mark.peer

# What follows `kubectl create`, what is printed, and fields of what is there then.
GENERATORS: dict[str, tuple[str, str, str, str]] = {
    "deployment": (
        "deployment d --image=nginx --replicas=2 --port=80",
        "deployment.apps/d",
        "{.spec.replicas} {.spec.template.spec.containers[0].ports[0].containerPort} {.metadata.labels.app}",
        "2 80 d",
    ),
    "job": (
        "job j --image=busybox -- echo hi",
        "job.batch/j",
        "{.spec.template.spec.containers[0].command} {.spec.template.spec.restartPolicy}",
        '["echo","hi"] Never',
    ),
    "cronjob": (
        "cronjob cj --image=busybox --schedule=@daily -- date",
        "cronjob.batch/cj",
        "{.spec.schedule} {.spec.concurrencyPolicy} {.spec.successfulJobsHistoryLimit}",
        "@daily Allow 3",
    ),
    "configmap": (
        "configmap cm --from-literal=a=1 --from-literal=b=2",
        "configmap/cm",
        "{.data}",
        '{"a":"1","b":"2"}',
    ),
    "secret generic": (
        "secret generic s --from-literal=p=w",
        "secret/s",
        "{.data.p} {.type}",
        "dw== Opaque",
    ),
    "secret docker-registry": (
        "secret docker-registry r --docker-username=u --docker-password=p",
        "secret/r",
        "{.type}",
        "kubernetes.io/dockerconfigjson",
    ),
    "service clusterip": (
        "service clusterip ci --tcp=80:8080",
        "service/ci",
        "{.spec.type} {.spec.ports[0].targetPort} {.spec.selector.app} {.spec.ipFamilies[0]}",
        "ClusterIP 8080 ci IPv4",
    ),
    "service nodeport": (
        "service nodeport np --tcp=80 --node-port=32111",
        "service/np",
        "{.spec.type} {.spec.ports[0].nodePort} {.spec.externalTrafficPolicy}",
        "NodePort 32111 Cluster",
    ),
    "service externalname": (
        "service externalname en --external-name=example.com",
        "service/en",
        "{.spec.externalName} {.spec.clusterIP}",
        "example.com ",
    ),
    "ingress": (
        "ingress i --class=c --rule=a.example.com/x*=ci:80,tls=t",
        "ingress.networking.k8s.io/i",
        "{.spec.rules[0].http.paths[0].pathType} {.spec.tls[0].secretName}",
        "Prefix t",
    ),
    "quota": (
        "quota q --hard=pods=100,services=100",
        "resourcequota/q",
        "{.spec.hard}",
        '{"pods":"100","services":"100"}',
    ),
    "pdb": (
        "pdb b --selector=app=d --min-available=50%",
        "poddisruptionbudget.policy/b",
        "{.spec.minAvailable} {.spec.selector.matchLabels}",
        '50% {"app":"d"}',
    ),
    "role": (
        "role ro --verb=get,list --resource=pods,pods/log",
        "role.rbac.authorization.k8s.io/ro",
        "{.rules[0].resources} {.rules[0].verbs}",
        '["pods","pods/log"] ["get","list"]',
    ),
    "rolebinding": (
        "rolebinding rb --clusterrole=view --user=bob --serviceaccount=ns:sa",
        "rolebinding.rbac.authorization.k8s.io/rb",
        "{.roleRef.name} {.subjects[*].name}",
        "view bob sa",
    ),
    "serviceaccount": (
        "serviceaccount sa",
        "serviceaccount/sa",
        "{.metadata.name}",
        "sa",
    ),
}


@pytest.mark.parametrize("generator", GENERATORS)
def test_create(kubectl: Kubectl, namespace: str, generator: str) -> None:
    command, printed, fields, expected = GENERATORS[generator]
    assert kubectl("create", "-n", namespace, *command.split(" ")) == f"{printed} created\n"
    assert kubectl("get", "-n", namespace, printed, "-o", f"jsonpath={fields}") == expected
    assert kubectl("delete", "-n", namespace, printed, "--wait=false")


def test_create_of_what_has_no_namespace(kubectl: Kubectl, namespace: str) -> None:
    made = (
        (f"namespace {namespace}-b", f"namespace/{namespace}-b"),
        (f"priorityclass {namespace} --value=1000", f"priorityclass.scheduling.k8s.io/{namespace}"),
        (
            f"clusterrole {namespace} --verb=get --resource=nodes",
            f"clusterrole.rbac.authorization.k8s.io/{namespace}",
        ),
        (
            f"clusterrolebinding {namespace} --clusterrole={namespace} --group=devs",
            f"clusterrolebinding.rbac.authorization.k8s.io/{namespace}",
        ),
    )
    for command, printed in made:
        assert kubectl("create", *command.split(" ")) == f"{printed} created\n"
        again = kubectl.run("create", *command.split(" "))
        assert again.returncode == 1
        assert "already exists" in again.stderr
    for _, printed in reversed(made):
        kubectl("delete", printed, "--wait=false")


def test_a_tls_secret_from_files(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    day = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(3650))
    ).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (tmp_path / "c").write_bytes(certificate.public_bytes(pem))
    (tmp_path / "k").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    kubectl("create", "-n", namespace, "secret", "tls", "t", f"--cert={tmp_path}/c", f"--key={tmp_path}/k")
    secret = kubectl.json("get", "-n", namespace, "secret", "t")
    assert secret["type"] == "kubernetes.io/tls"
    assert base64.b64decode(secret["data"]["tls.crt"]).startswith(b"-----BEGIN CERTIFICATE")
    rows = kubectl("get", "-n", namespace, "secrets", "--no-headers").split()
    assert rows[:3] == ["t", "kubernetes.io/tls", "2"]


def test_a_job_from_a_cronjob_belongs_to_it(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "cronjob", "c", "--image=i", "--schedule=0 0 1 1 *", "--", "date")
    kubectl("create", "-n", namespace, "job", "now", "--from=cronjob/c")
    job = kubectl.json("get", "-n", namespace, "job", "now")["metadata"]
    assert job["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert job["ownerReferences"][0]["name"] == "c"


def claims(token: str) -> Any:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_tokens(kubectl: Kubectl, namespace: str) -> None:
    given = claims(kubectl("create", "-n", namespace, "token", "default"))
    assert given["sub"] == f"system:serviceaccount:{namespace}:default"
    assert given["exp"] - given["iat"] == 3600
    token = kubectl("create", "-n", namespace, "token", "default", "--duration=20m", "--audience=them")
    given = claims(token)
    assert (given["aud"], given["exp"] - given["iat"]) == (["them"], 1200)
    kubectl("create", "-n", namespace, "secret", "generic", "s")
    bound = ("--bound-object-kind=Secret", "--bound-object-name=s")
    given = claims(kubectl("create", "-n", namespace, "token", "default", *bound))
    assert given["kubernetes.io"]["secret"]["name"] == "s"
    me = kubectl("--token", kubectl("create", "-n", namespace, "token", "default"), "auth", "whoami")
    assert "kubernetes-admin" in me, "the client certificate comes first, as upstream"


REFUSALS = (
    (
        "token nope",
        'error: failed to create token: serviceaccounts "nope" not found',
    ),
    (
        "token default --duration=1m",
        'error: failed to create token: TokenRequest.authentication.k8s.io "" is invalid: '
        "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes",
    ),
    (
        "cronjob x --image=i --schedule=nope",
        'error: failed to create cronjob: CronJob.batch "x" is invalid: spec.schedule: Invalid value: "nope": '
        "expected exactly 5 fields, found 1: [nope]",
    ),
    (
        "service nodeport x --tcp=80 --node-port=80",
        'error: failed to create NodePort service: Service "x" is invalid: spec.ports[0].nodePort: '
        "Invalid value: 80: provided port is not in the valid range. "
        "The range of valid ports is 30000-32767",
    ),
    (
        "priorityclass x --value=2000000000",
        'error: failed to create priorityclass: PriorityClass.scheduling.k8s.io "x" is invalid: '
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
    ),
    (
        "configmap x -n nowhere",
        'error: failed to create configmap: namespaces "nowhere" not found',
    ),
)


@pytest.mark.parametrize(("command", "message"), REFUSALS)
def test_what_create_refuses(kubectl: Kubectl, namespace: str, command: str, message: str) -> None:
    done = kubectl.run("create", "-n", namespace, *command.split(" "))
    assert (done.returncode, done.stderr) == (1, f"{message}\n")


def test_run_expose_autoscale(kubectl: Kubectl, namespace: str) -> None:
    out = kubectl("run", "-n", namespace, "solo", "--image=nginx", "--env=X=1", "--port=80", "--expose")
    assert sorted(out.splitlines()) == ["pod/solo created", "service/solo created"]
    pod = kubectl.json("get", "-n", namespace, "pod", "solo")
    assert pod["metadata"]["labels"] == {"run": "solo"}
    assert pod["spec"]["containers"][0]["env"] == [{"name": "X", "value": "1"}]
    again = kubectl.run("run", "-n", namespace, "solo", "--image=nginx")
    assert again.stderr == 'Error from server (AlreadyExists): pods "solo" already exists\n'
    kubectl("create", "-n", namespace, "deployment", "web", "--image=nginx", "--replicas=0")
    out = kubectl("expose", "-n", namespace, "deployment/web", "--port=80", "--target-port=http")
    assert out == "service/web exposed\n"
    service = kubectl.json("get", "-n", namespace, "service", "web")["spec"]
    assert service["selector"] == {"app": "web"}
    assert service["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": "http"}]
    out = kubectl("autoscale", "-n", namespace, "deployment/web", "--min=2", "--max=5", "--cpu=80%")
    assert out == "horizontalpodautoscaler.autoscaling/web autoscaled\n"
    row = kubectl("get", "-n", namespace, "hpa", "--no-headers").split()
    assert row[:6] == ["web", "Deployment/web", "cpu:", "<unknown>/80%", "2", "5"]
    old = kubectl.json("get", "-n", namespace, "horizontalpodautoscalers.v1.autoscaling", "web")
    assert old["spec"]["targetCPUUtilizationPercentage"] == 80
