"""What a kubelet may ask signers for: certificates of its own, and of the pods that run on it."""

from __future__ import annotations

import base64
import binascii
import json

from pybernetes.api.errors import ApiError, Unclassified
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import NODE, POD, SERVICEACCOUNT
from pybernetes.api.meta import Obj

from .plugin import Admission

MIRROR = "kubernetes.io/config.mirror"
SIGNERS = ("kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet")


def signing_request(admission: Admission, node: str) -> None:
    """A CertificateSigningRequest to the signers of kubelets must be for the node's own name."""
    if (
        admission.operation != "CREATE"
        or (admission.object.get("spec") or {}).get("signerName") not in SIGNERS
    ):
        return
    if _common_name(admission, _text(admission.object["spec"], "request")) != f"system:node:{node}":
        raise admission.forbidden(f"can only create a node CSR with CN=system:node:{node}")


def _common_name(admission: Admission, request: str) -> str:
    """The name that a request (base64 of PEM) is for; "" for none. Raises Forbidden where it cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(request, validate=True))
    except (ValueError, binascii.Error) as error:
        raise admission.forbidden(
            "unable to parse csr: PEM block type must be CERTIFICATE REQUEST"
        ) from error
    names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def pod_certificate(admission: Admission, node: str) -> None:
    """A PodCertificateRequest must name the node that asks, a pod that runs there and the pod's account, each with its
    UID. What may only look wrong because a cache is behind is no refusal but an error, which a kubelet tries again."""
    if admission.operation != "CREATE":
        raise admission.forbidden(f"unexpected operation {admission.operation}")
    if admission.subresource:
        raise admission.forbidden(f"unexpected subresource {admission.subresource}")
    spec = admission.object.get("spec") or {}
    place = quoted(f"{admission.namespace}/{_text(spec, 'podName')}")
    if _text(spec, "nodeName") != node:
        raise admission.forbidden(
            f"PodCertificateRequest.Spec.NodeName={quoted(_text(spec, 'nodeName'))}, which is not the requesting node "
            f"{quoted(node)}"
        )
    there = _named(admission, NODE, node, f"node {quoted(node)}")
    if _uid(there) != _text(spec, "nodeUID"):
        raise _mismatch(
            f"PodCertificateRequest for pod {place} names node UID {quoted(_text(spec, 'nodeUID'))}, inconsistent with "
            f"the running node ({quoted(_uid(there))})"
        )
    pod = _named(admission, POD, _text(spec, "podName"), f"pod {place}")
    _check_pod(admission, spec, pod, place)
    _check_account(admission, spec, pod, place)


def _check_pod(admission: Admission, spec: Obj, pod: Obj, place: str) -> None:
    if _uid(pod) != _text(spec, "podUID"):
        raise _mismatch(
            f"PodCertificateRequest for pod {place} contains pod UID ({quoted(_text(spec, 'podUID'))}) which differs "
            f"from running pod {quoted(_uid(pod))}"
        )
    if pod["spec"].get("nodeName") != spec["nodeName"]:
        raise admission.forbidden(
            f"pod {place} is not running on node {quoted(spec['nodeName'])} named in the PodCertificateRequest"
        )
    if MIRROR in (pod["metadata"].get("annotations") or {}):
        raise admission.forbidden(f"pod {place} is a mirror pod")


def _check_account(admission: Admission, spec: Obj, pod: Obj, place: str) -> None:
    asked, runs_as = _text(spec, "serviceAccountName"), _text(pod["spec"], "serviceAccountName")
    if asked != runs_as:
        raise admission.forbidden(
            f"PodCertificateRequest for pod {place} contains serviceAccountName ({quoted(asked)}) that differs from "
            f"running pod ({quoted(runs_as)})"
        )
    what = f"service account {quoted(f'{admission.namespace}/{asked}')}"
    account = _named(admission, SERVICEACCOUNT, asked, what)
    if _uid(account) != _text(spec, "serviceAccountUID"):
        raise _mismatch(
            f"PodCertificateRequest for pod {place} names service account UID "
            f"{quoted(_text(spec, 'serviceAccountUID'))}, which differs from the running service account "
            f"({quoted(_uid(account))})"
        )


def _named(admission: Admission, kind: Kind, name: str, what: str) -> Obj:
    found = admission.find(kind, name, admission.namespace if kind.namespaced else "")
    if found is None:
        raise _mismatch(
            f"while retrieving {what} named in the PodCertificateRequest: {kind.kind.lower()} {quoted(name)} not found"
        )
    return found


def _mismatch(message: str) -> ApiError:
    return Unclassified(message)


def _text(tree: Obj, field: str) -> str:
    return str(tree.get(field) or "")


def _uid(tree: Obj) -> str:
    return str(tree["metadata"].get("uid", ""))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
