"""kube-apiserver-serving-clustertrustbundle-publisher-controller: the cluster's CA as the ClusterTrustBundle of signer
`kubernetes.io/kube-apiserver-serving`, under a name that its content gives; bundles of an older CA go."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.certificates.pem import CERTIFICATE, blocks
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of, uid_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.ownership import those
from pybernetes.control.plan import Create, Delete, Plan, Steps, Update

SIGNER = "kubernetes.io/kube-apiserver-serving"
KEY = "cluster"


@dataclass(frozen=True, slots=True)
class Seen:
    """The bundles of the signer."""

    bundles: Sequence[Obj]


def observe(_key: str, caches: Caches) -> Seen:
    bundles = caches.list(kinds.CLUSTERTRUSTBUNDLE)
    return Seen(those(bundles, lambda each: each["spec"]["signerName"] == SIGNER))


def plan(seen: Seen, _now: float, settings: Settings) -> Plan:
    content, steps = settings.root_ca, Steps()
    if not any(block.type == CERTIFICATE for block in blocks(content)):
        return Plan.nothing("there is no certificate to publish")
    name = bundle_name(content)
    mine = next((each for each in seen.bundles if name_of(each) == name), None)
    spec = {"signerName": SIGNER, "trustBundle": content}
    if mine is None:
        made = new_object(kinds.CLUSTERTRUSTBUNDLE, name, spec=spec)
        steps.add(Create(kinds.CLUSTERTRUSTBUNDLE, made, "there is none of this CA", exists_ok=True))
    elif mine["spec"].get("trustBundle") != content:
        steps.add(Update(kinds.CLUSTERTRUSTBUNDLE, {**mine, "spec": spec}, "it is not the CA"))
    for each in seen.bundles:
        if name_of(each) != name:
            steps.add(
                Delete(kinds.CLUSTERTRUSTBUNDLE, "", name_of(each), uid_of(each), "it is of another CA")
            )
    return steps.plan("publishing" if steps.steps else "published")


def bundle_name(content: str) -> str:
    """The name of a bundle with that content: the signer, and the first 12 bytes of the SHA-256 in hex."""
    return f"{SIGNER.replace('/', ':')}:{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def _of_signer(bundle: Obj, _caches: Caches) -> tuple[str, ...]:
    return (KEY,) if (bundle.get("spec") or {}).get("signerName") == SIGNER else ()


# There may be no bundle whose change could begin the work, but there is always a namespace.
CONTROLLER = ControllerDef(
    "kube-apiserver-serving-clustertrustbundle-publisher-controller",
    watches=(
        Watch(kinds.CLUSTERTRUSTBUNDLE, _of_signer),
        Watch(
            kinds.NAMESPACE,
            lambda namespace, _caches: (KEY,) if name_of(namespace) == "kube-system" else (),
        ),
    ),
    observe=observe,
    plan=plan,
    account="kube-apiserver-serving-clustertrustbundle-publisher",
    workers=1,
)
