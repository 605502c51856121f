"""Tokens in Secrets: their use is noted by the day, and one that is marked invalid lets nobody in."""

from __future__ import annotations

import asyncio
import base64

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Unauthorized
from pybernetes.apiserver.authn.chain import Authenticator
from pybernetes.apiserver.authn.serviceaccount import ServiceAccountTokens
from pybernetes.apiserver.server import ApiServer
from pybernetes.apiserver.startup.legacytokens import NAME, NAMESPACE, LegacyTokens, day, due
from pybernetes.client.interface import Call
from pybernetes.clock import Env
from pybernetes.cluster.pki import Pki
from pybernetes.wire.http.messages import Headers, Request

from .transports import ADMIN, serving
from .waiting import until

NOW = 1_700_000_000.0
LAST_USED = "kubernetes.io/legacy-token-last-used"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Pki(tmp_path_factory.mktemp("pki"), NOW).service_account_key.read_bytes()


def test_days() -> None:
    assert (day(NOW), day(NOW, 1)) == ("2023-11-14", "2023-11-15")

    def secret(*labels: str) -> dict[str, object]:
        return {"metadata": {"name": "s", "labels": dict.fromkeys(labels and [LAST_USED], "".join(labels))}}

    assert due(secret(), NOW)
    assert due(secret("2023-11-13"), NOW)
    assert not due(secret("2023-11-14"), NOW)
    assert not due(secret("2023-11-15"), NOW)


async def made(server: ApiServer) -> str:
    """The token of a Secret of the account `default/robot`."""
    own = server.transport(ADMIN)
    account = await own.call(
        Call("create", kinds.SERVICEACCOUNT, "default", body={"metadata": {"name": "robot"}})
    )
    issuer = server.services.issuer
    assert issuer is not None
    token = issuer.issue_legacy(account, "robot-token")
    annotations = {
        "kubernetes.io/service-account.name": "robot",
        "kubernetes.io/service-account.uid": account["metadata"]["uid"],
    }
    body = {
        "metadata": {"name": "robot-token", "annotations": annotations},
        "type": "kubernetes.io/service-account-token",
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }
    await own.call(Call("create", kinds.SECRET, "default", body=body))
    return token


def test_use_is_noted_and_an_invalid_token_is_refused(key: bytes) -> None:
    async def main() -> None:
        env = Env.real()
        async with serving(env, service_account_signing_key=key) as server:
            registry = server.services.registry
            tracking = await until(lambda: registry.core("configmaps", NAMESPACE, NAME))
            assert tracking["data"] == {"since": day(env.now())}
            token = await made(server)
            own, core = server.transport(ADMIN), server.services.registry.core
            notes: LegacyTokens = server._legacy_tokens
            config = server.services.config
            accounts = ServiceAccountTokens(
                (config.service_account_issuer,),
                config.service_account_audiences,
                server.services.verify_keys,
                core,
                env,
                notes.used,
            )
            authenticator = Authenticator(
                service_accounts=accounts, audiences=config.service_account_audiences
            )
            request = Request("GET", "/", Headers([("authorization", f"Bearer {token}")]))
            assert authenticator.authenticate(request).name == "system:serviceaccount:default:robot"

            def label() -> str | None:
                secret = core("secrets", "default", "robot-token")
                assert secret is not None
                return (secret["metadata"].get("labels") or {}).get(LAST_USED)

            assert await until(label) == day(env.now())
            mark = {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2023-11-14"}}}
            await own.call(
                Call("patch", kinds.SECRET, "default", "robot-token", body=mark, patch_type="merge")
            )
            with pytest.raises(Unauthorized):
                authenticator.authenticate(request)
            review = await authenticator.review(token, ())
            assert "the token in secret default/robot-token for service account default/robot" in review.error

    asyncio.run(main())


def test_a_date_that_is_none_is_written_again(key: bytes) -> None:
    async def main() -> None:
        env = Env.real()
        async with serving(env, service_account_signing_key=key) as server:
            own, registry = server.transport(ADMIN), server.services.registry
            await until(lambda: registry.core("configmaps", NAMESPACE, NAME))
            body = {"data": {"since": "long ago"}}
            await own.call(Call("patch", kinds.CONFIGMAP, NAMESPACE, NAME, body=body, patch_type="merge"))
            await server._legacy_tokens.publish(server.services.registry)
            tracking = server.services.registry.core("configmaps", NAMESPACE, NAME)
            assert tracking is not None
            assert tracking["data"] == {"since": day(env.now())}

    asyncio.run(main())
