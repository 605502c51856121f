"""Rights and identities through kubectl: auth can-i, whoami, reconcile; refusals; certificate requests."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.pyberup import Kubectl, eventually

pytestmark = pytest.mark.peer


@pytest.fixture
def reader(kubectl: Kubectl, namespace: str) -> str:
    """A user who may read pods and their logs in the namespace."""
    user = f"reader-{namespace}"
    kubectl("create", "-n", namespace, "role", "r", "--verb=get,list", "--resource=pods,pods/log")
    kubectl("create", "-n", namespace, "rolebinding", "r", "--role=r", f"--user={user}")
    return user


def test_can_i(kubectl: Kubectl, namespace: str, reader: str) -> None:
    def can(*question: str) -> tuple[str, int]:
        done = kubectl.run("auth", "can-i", "-n", namespace, *question)
        return done.stdout.strip(), done.returncode

    assert can("*", "*") == ("yes", 0)
    assert can("get", "pods", f"--as={reader}") == ("yes", 0)
    assert can("get", "pods", "--subresource=log", f"--as={reader}") == ("yes", 0)
    assert can("delete", "pods", f"--as={reader}") == ("no", 1)
    assert can("get", "pods", f"--as={reader}", "-A") == ("no", 1)
    assert can("get", "/healthz", "--as=x", "--as-group=system:authenticated") == ("yes", 0)
    assert can("get", "/logs", f"--as={reader}") == ("no", 1)


def test_can_i_list(kubectl: Kubectl, namespace: str, reader: str) -> None:
    lines = kubectl("auth", "can-i", "--list", "-n", namespace, f"--as={reader}").splitlines()
    assert lines[0].split() == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
    assert ["pods/log", "[]", "[]", "[get", "list]"] in [line.split() for line in lines]
    assert any(line.split()[0] == "selfsubjectreviews.authentication.k8s.io" for line in lines)


def test_whoami(kubectl: Kubectl) -> None:
    lines = [line.split(maxsplit=1) for line in kubectl("auth", "whoami").splitlines()]
    assert lines[0] == ["ATTRIBUTE", "VALUE"]
    assert lines[1] == ["Username", "kubernetes-admin"]
    assert lines[2] == ["Groups", "[system:masters system:authenticated]"]
    review = json.loads(kubectl("auth", "whoami", "--as=bob", "--as-group=a", "-o", "json"))
    assert review["status"]["userInfo"] == {"username": "bob", "groups": ["a", "system:authenticated"]}


def test_reconcile(kubectl: Kubectl, namespace: str) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "x", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    first = kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(role))
    assert first == "role.rbac.authorization.k8s.io/x reconciled\n"
    again = kubectl("auth", "reconcile", "-f", "-", stdin=json.dumps(role))
    assert again == first


def test_refusals_name_the_right_that_is_missing(kubectl: Kubectl, namespace: str) -> None:
    def refused(*arguments: str) -> str:
        done = kubectl.run(*arguments, "--as=mallory")
        assert done.returncode == 1
        return done.stderr.strip()

    where = f'in API group "" in the namespace "{namespace}"'
    server = "Error from server (Forbidden): "
    assert refused("get", "-n", namespace, "pods") == (
        f'{server}pods is forbidden: User "mallory" cannot list resource "pods" {where}'
    )
    assert refused("delete", "-n", namespace, "pod", "x") == (
        f'{server}pods "x" is forbidden: User "mallory" cannot delete resource "pods" {where}'
    )
    assert refused("create", "-n", namespace, "configmap", "x") == (
        "error: failed to create configmap: configmaps is forbidden: "
        f'User "mallory" cannot create resource "configmaps" {where}'
    )
    assert refused("get", "nodes") == (
        f'{server}nodes is forbidden: User "mallory" cannot list resource "nodes" '
        'in API group "" at the cluster scope'
    )
    assert refused("get", "--raw", "/metrics") == (
        f'{server}forbidden: User "mallory" cannot get path "/metrics"'
    )


def test_nobody_gives_rights_that_they_do_not_have(kubectl: Kubectl, namespace: str, reader: str) -> None:
    kubectl("create", "-n", namespace, "rolebinding", "e", "--clusterrole=edit", f"--user={reader}")
    roles = ("--verb=create", "--resource=roles.rbac.authorization.k8s.io")
    kubectl("create", "-n", namespace, "role", "maker", *roles)
    kubectl("create", "-n", namespace, "rolebinding", "maker", "--role=maker", f"--user={reader}")
    wanted = ("role", "more", "--verb=get", "--resource=nodes", f"--as={reader}")
    done = kubectl.run("create", "-n", namespace, *wanted)
    assert done.returncode == 1
    assert 'roles.rbac.authorization.k8s.io "more" is forbidden: user' in done.stderr
    assert "is attempting to grant RBAC permissions not currently held" in done.stderr


def request(name: str, user: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "devs"),
            x509.NameAttribute(NameOID.COMMON_NAME, user),
        ]
    )
    csr = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
    tree = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(csr.public_bytes(serialization.Encoding.PEM)).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "expirationSeconds": 3600,
        },
    }
    return json.dumps(tree)


def test_certificates(kubectl: Kubectl, namespace: str) -> None:
    jane, joe = f"jane-{namespace}", f"joe-{namespace}"
    for name in (jane, joe):
        kubectl("create", "-f", "-", stdin=request(name, name))

    def conditions() -> dict[str, str]:
        rows = [row.split() for row in kubectl("get", "csr", "--no-headers").splitlines()]
        return {row[0]: row[-1] for row in rows if row[0] in (jane, joe)}

    row = kubectl("get", "csr", jane, "--no-headers").split()
    assert row[2:] == ["kubernetes.io/kube-apiserver-client", "kubernetes-admin", "60m", "Pending"]
    printed = f"certificatesigningrequest.certificates.k8s.io/{jane}"
    assert kubectl("certificate", "approve", jane) == f"{printed} approved\n"
    assert kubectl("certificate", "deny", joe).endswith(" denied\n")
    eventually("issued", lambda: conditions() == {jane: "Approved,Issued", joe: "Denied"})
    undecided = kubectl.run("certificate", "approve", joe)
    assert undecided.stderr == f'error: certificate signing request "{joe}" is already Denied\n'
    pem = base64.b64decode(kubectl("get", "csr", jane, "-o", "jsonpath={.status.certificate}"))
    assert x509.load_pem_x509_certificate(pem).subject.rfc4514_string() == f"CN={jane},O=devs"
