"""Service account tokens of pods by TokenRequest, kept until 80 % of their life (or a day) is over."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.client.interface import Client
from pybernetes.clock import Env
from pybernetes.lang import timestamps

REFRESH_SHARE = 0.8
LONGEST_USE = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """`refresh_at`: Unix time from which a new one is asked for."""

    text: str
    refresh_at: float


class Tokens:
    def __init__(self, client: Client, env: Env) -> None:
        self._client = client
        self._env = env
        self._tokens: dict[str, dict[tuple[str, int], Token]] = {}
        """By uid of the pod."""

    async def get(self, pod: Obj, audience: str, expiration_seconds: int) -> Token:
        """A token bound to the pod. Raises ApiError."""
        uid, key = uid_of(pod), (audience, expiration_seconds)
        token = self._tokens.get(uid, {}).get(key)
        if token is None or self._env.now() >= token.refresh_at:
            token = await self._request(pod, audience, expiration_seconds)
            self._tokens.setdefault(uid, {})[key] = token
        return token

    def next_refresh(self, pod_uid: str) -> float | None:
        """When the first of the pod's tokens wants refreshing."""
        return min((token.refresh_at for token in self._tokens.get(pod_uid, {}).values()), default=None)

    def forget(self, pod_uid: str) -> None:
        self._tokens.pop(pod_uid, None)

    async def _request(self, pod: Obj, audience: str, seconds: int) -> Token:
        bound = {"kind": "Pod", "apiVersion": "v1", "name": name_of(pod), "uid": uid_of(pod)}
        spec = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": seconds,
            "boundObjectRef": bound,
        }
        account = pod["spec"].get("serviceAccountName") or "default"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {"name": account, "namespace": namespace_of(pod)},
            "spec": spec,
        }
        asked = self._env.now()
        answer = await self._client.create(kinds.SERVICEACCOUNT, request, subresource="token", name=account)
        status = answer["status"]
        life = timestamps.parse(status["expirationTimestamp"]) - asked
        return Token(status["token"], asked + min(life * REFRESH_SHARE, LONGEST_USE))
