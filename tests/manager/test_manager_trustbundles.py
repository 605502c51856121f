"""The cluster's CA as a ClusterTrustBundle, and PodCertificateRequests that are over."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_manager_certificates import CA, authority
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.controllers.clustertrustbundlepublisher import SIGNER, bundle_name

PUBLISHER = "kube-apiserver-serving-clustertrustbundle-publisher-controller"
CLEANER = "podcertificaterequest-cleaner-controller"
OTHER_CA = authority()[0]


def stub_request() -> str:
    """A PKCS#10 request with nothing but a key, as kubelets send it."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return base64.b64encode(csr.public_bytes(serialization.Encoding.DER)).decode()


STUB = stub_request()


def pod_certificate_request(name: str) -> Obj:
    spec = {
        "signerName": "example.com/signer",
        "podName": "p",
        "podUID": "1",
        "serviceAccountName": "default",
        "serviceAccountUID": "2",
        "nodeName": "n1",
        "nodeUID": "3",
        "maxExpirationSeconds": 86400,
        "stubPKCS10Request": STUB,
    }
    return new_object(kinds.PODCERTIFICATEREQUEST, name, "default", spec=spec)


def foreign_bundle(name: str, signer: str = "") -> Obj:
    spec = {"trustBundle": OTHER_CA, **({"signerName": signer} if signer else {})}
    return new_object(kinds.CLUSTERTRUSTBUNDLE, name, spec=spec)


async def bundles(world: World) -> list[str]:
    return [name_of(each) for each in await world.all(kinds.CLUSTERTRUSTBUNDLE, "")]


def test_the_ca_is_published_and_stays_the_only_bundle_of_its_signer() -> None:
    async def story(world: World) -> None:
        name = bundle_name(CA)
        assert name.startswith("kubernetes.io:kube-apiserver-serving:")
        assert len(name.rpartition(":")[2]) == 24
        assert await bundles(world) == [name]
        published = await world.client.get(kinds.CLUSTERTRUSTBUNDLE, name)
        assert published["spec"] == {"signerName": SIGNER, "trustBundle": CA}
        await world.client.create(kinds.CLUSTERTRUSTBUNDLE, foreign_bundle("mine"))
        await world.client.create(kinds.CLUSTERTRUSTBUNDLE, foreign_bundle(bundle_name(OTHER_CA), SIGNER))
        await world.settle(2)
        assert await bundles(world) == [name, "mine"]
        changed = {**published, "spec": {"signerName": SIGNER, "trustBundle": OTHER_CA}}
        await world.client.update(kinds.CLUSTERTRUSTBUNDLE, changed)
        await world.settle(2)
        assert (await world.client.get(kinds.CLUSTERTRUSTBUNDLE, name))["spec"]["trustBundle"] == CA
        await world.client.delete(kinds.CLUSTERTRUSTBUNDLE, name)
        await world.settle(2)
        assert await bundles(world) == [name, "mine"]

    play(story, PUBLISHER, root_ca=CA)


def test_without_a_certificate_nothing_is_published() -> None:
    async def story(world: World) -> None:
        assert await bundles(world) == []

    play(story, PUBLISHER)


def test_requests_of_pods_go_after_half_an_hour() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.PODCERTIFICATEREQUEST, pod_certificate_request("old"))
        await world.settle(1000)
        await world.client.create(kinds.PODCERTIFICATEREQUEST, pod_certificate_request("young"))
        await world.settle(790)
        assert len(await world.all(kinds.PODCERTIFICATEREQUEST)) == 2
        await world.settle(20)
        assert [name_of(each) for each in await world.all(kinds.PODCERTIFICATEREQUEST)] == ["young"]
        await world.settle(1000)
        assert await world.all(kinds.PODCERTIFICATEREQUEST) == []

    play(story, CLEANER)
