"""bootstrap-signer-controller: ConfigMap kube-public/cluster-info is signed with each bootstrap token that may sign.

Who joins with a token finds the kubeconfig there without any credentials and believes it because of the signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, is_deleting, key_of
from pybernetes.control.caches import Caches
from pybernetes.control.definition import ControllerDef, Settings, Watch
from pybernetes.control.plan import Plan, Steps, Update
from pybernetes.wire.jws import detached

from .bootstraptokens import NAMESPACE, expires_at, is_token, signing_token

KEY = "kube-public/cluster-info"
CONTENT, PREFIX = "kubeconfig", "jws-kubeconfig-"


@dataclass(frozen=True, slots=True)
class Seen:
    """The ConfigMap and all bootstrap tokens."""

    info: Obj
    tokens: Sequence[Obj]


def observe(_key: str, caches: Caches) -> Seen | None:
    info = caches.get(kinds.CONFIGMAP, KEY)
    if info is None or is_deleting(info):
        return None
    return Seen(info, [secret for secret in caches.list(kinds.SECRET, NAMESPACE) if is_token(secret)])


def plan(seen: Seen, now: float, _settings: Settings) -> Plan:
    data = seen.info.get("data") or {}
    content = data.get(CONTENT)
    if content is None:
        return Plan.nothing("there is nothing to sign")
    steps = Steps()
    signed = {key: value for key, value in data.items() if not key.startswith(PREFIX)}
    for secret in seen.tokens:
        token, expires = signing_token(secret), expires_at(secret)
        if token is None or is_deleting(secret) or (expires is not None and expires <= now):
            continue
        if expires is not None:
            steps.look_again(expires - now)
        signed[f"{PREFIX}{token[0]}"] = detached(content.encode(), token[0], token[1].encode())
    if signed != data:
        steps.add(Update(kinds.CONFIGMAP, {**seen.info, "data": signed}, "tokens or content changed"))
    return steps.plan(f"{len(signed) - 1} signatures")


def _info(config_map: Obj, _caches: Caches) -> Iterable[str]:
    return (KEY,) if key_of(config_map) == KEY else ()


def _token(secret: Obj, _caches: Caches) -> Iterable[str]:
    return (KEY,) if is_token(secret) else ()


CONTROLLER = ControllerDef(
    "bootstrap-signer-controller",
    watches=(Watch(kinds.CONFIGMAP, _info), Watch(kinds.SECRET, _token)),
    observe=observe,
    plan=plan,
    account="bootstrap-signer",
    workers=1,
)
