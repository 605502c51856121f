"""The HTTPS clients by which the API server reaches kubelets, pods and services."""

from __future__ import annotations

from pybernetes.wire.http.client import HttpClient
from pybernetes.wire.tls import client_context, load_client_pair

from .config import KubeletClientTls
from .connect.serve import Connector


def connector(tls: KubeletClientTls | None) -> Connector:
    """Without TLS material no kubelet will let us in, but pods and services can still be proxied to."""
    anyone = client_context(verify=False)
    if tls is None:
        return Connector(HttpClient(tls=anyone), HttpClient(tls=anyone))
    kubelets = client_context(tls.kubelet_ca.decode())
    load_client_pair(kubelets, tls.client_certificate.decode(), tls.client_key.decode())
    return Connector(HttpClient(tls=kubelets), HttpClient(tls=anyone))
