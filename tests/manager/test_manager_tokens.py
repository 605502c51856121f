"""Tokens in Secrets and bootstrap tokens through a real API server in virtual time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from world import World, play
from world import pod as make_pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, labels_of, uid_of
from pybernetes.lang.timestamps import rfc3339

TOKENS = "serviceaccount-token-controller"
BOOTSTRAP = "token-cleaner-controller,bootstrap-signer-controller"
CLEANER = "serviceaccount-controller,legacy-serviceaccount-token-cleaner-controller"
DAY = 86400.0
KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def token_secret(name: str = "t", account: str = "robot", uid: str = "") -> Obj:
    made = new_object(kinds.SECRET, name, "default", type="kubernetes.io/service-account-token")
    made["metadata"]["annotations"] = {"kubernetes.io/service-account.name": account}
    if uid:
        made["metadata"]["annotations"]["kubernetes.io/service-account.uid"] = uid
    return made


async def account(world: World, name: str = "robot", **rest: Any) -> Obj:
    return await world.client.create(
        kinds.SERVICEACCOUNT, new_object(kinds.SERVICEACCOUNT, name, "default", **rest)
    )


def test_a_secret_gets_its_accounts_token_and_goes_with_it() -> None:
    async def story(world: World) -> None:
        made = await account(world)
        await world.client.create(kinds.SECRET, token_secret())
        await world.settle(2)
        secret = await world.client.get(kinds.SECRET, "t", "default")
        assert annotations_of(secret)["kubernetes.io/service-account.uid"] == uid_of(made)
        data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        assert (data["ca.crt"], data["namespace"]) == ("CA", "default")
        payload = data["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert claims == {
            "iss": "kubernetes/serviceaccount",
            "kubernetes.io/serviceaccount/namespace": "default",
            "kubernetes.io/serviceaccount/secret.name": "t",
            "kubernetes.io/serviceaccount/service-account.name": "robot",
            "kubernetes.io/serviceaccount/service-account.uid": uid_of(made),
            "sub": "system:serviceaccount:default:robot",
        }
        await world.client.delete(kinds.SERVICEACCOUNT, "robot", "default")
        await world.settle(2)
        assert await world.get(kinds.SECRET, "t") is None

    play(story, TOKENS, service_account_key=KEY)


def test_a_token_that_is_there_is_kept_and_one_removed_is_made_again() -> None:
    async def story(world: World) -> None:
        await account(world)
        await world.client.create(kinds.SECRET, {**token_secret(), "data": {"token": encoded("own")}})
        await world.settle(2)
        secret = await world.client.get(kinds.SECRET, "t", "default")
        assert secret["data"]["token"] == encoded("own")
        await world.client.patch(kinds.SECRET, "t", "default", {"data": {"token": None}})
        await world.settle(2)
        secret = await world.client.get(kinds.SECRET, "t", "default")
        assert len(base64.b64decode(secret["data"]["token"]).split(b".")) == 3

    play(story, TOKENS, service_account_key=KEY)


def test_a_secret_of_an_account_that_is_not_there_is_deleted() -> None:
    async def story(world: World) -> None:
        await account(world)
        await world.client.create(kinds.SECRET, token_secret("a", "nobody"))
        await world.client.create(kinds.SECRET, token_secret("b", "robot", "another-uid"))
        await world.client.create(kinds.SECRET, new_object(kinds.SECRET, "plain", "default"))
        await world.settle(2)
        assert [each["metadata"]["name"] for each in await world.all(kinds.SECRET)] == ["plain"]

    play(story, TOKENS, service_account_key=KEY)


def bootstrap(world: World, token_id: str, seconds: float | None = None, **data: str) -> Obj:
    plain = {
        "token-id": token_id,
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-signing": "true",
        **data,
    }
    if seconds is not None:
        plain["expiration"] = rfc3339(world.env.now() + seconds)
    return new_object(
        kinds.SECRET,
        f"bootstrap-token-{token_id}",
        "kube-system",
        type="bootstrap.kubernetes.io/token",
        data={key: encoded(value) for key, value in plain.items()},
    )


def test_bootstrap_tokens_sign_and_expire() -> None:
    async def info(world: World) -> dict[str, str]:
        found = await world.client.get(kinds.CONFIGMAP, "cluster-info", "kube-public")
        return dict(found["data"])

    async def story(world: World) -> None:
        content = new_object(kinds.CONFIGMAP, "cluster-info", "kube-public", data={"kubeconfig": "C"})
        await world.client.create(kinds.CONFIGMAP, content)
        await world.client.create(kinds.SECRET, bootstrap(world, "abcdef", 3600))
        await world.client.create(
            kinds.SECRET, bootstrap(world, "nosign", **{"usage-bootstrap-signing": "false"})
        )
        await world.client.create(kinds.SECRET, bootstrap(world, "bad000", expiration="soon"))
        await world.settle(2)
        data = await info(world)
        assert sorted(data) == ["jws-kubeconfig-abcdef", "kubeconfig"]
        header, middle, signature = data["jws-kubeconfig-abcdef"].split(".")
        assert json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))) == {
            "alg": "HS256",
            "kid": "abcdef",
        }
        payload = base64.urlsafe_b64encode(b"C").rstrip(b"=").decode()
        expected = hmac.new(b"0123456789abcdef", f"{header}.{payload}".encode(), hashlib.sha256).digest()
        assert (middle, signature) == ("", base64.urlsafe_b64encode(expected).rstrip(b"=").decode())
        assert await world.get(kinds.SECRET, "bootstrap-token-bad000", "kube-system") is None
        patch = {"data": {"kubeconfig": "D"}}
        await world.client.patch(kinds.CONFIGMAP, "cluster-info", "kube-public", patch)
        await world.settle(2)
        assert (await info(world))["jws-kubeconfig-abcdef"] != data["jws-kubeconfig-abcdef"]
        await world.settle(3600)
        assert await world.get(kinds.SECRET, "bootstrap-token-abcdef", "kube-system") is None
        assert await info(world) == {"kubeconfig": "D"}
        assert await world.get(kinds.SECRET, "bootstrap-token-nosign", "kube-system") is not None

    play(story, BOOTSTRAP)


def test_a_legacy_token_that_nobody_uses_is_marked_and_then_deleted() -> None:
    async def story(world: World) -> None:
        tracking = "kube-apiserver-legacy-service-account-token-tracking"
        since = {"since": rfc3339(world.env.now())[:10]}
        await world.client.create(
            kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, tracking, "kube-system", data=since)
        )
        listed = [{"name": name} for name in ("old", "used", "mounted")]
        made = await account(world, secrets=listed)
        for name in ("old", "used", "mounted", "own"):
            await world.client.create(kinds.SECRET, token_secret(name, "robot", uid_of(made)))
        volumes = [{"name": "t", "secret": {"secretName": "mounted"}}]
        await world.client.create(kinds.POD, make_pod("p", volumes=volumes))

        async def use() -> None:
            labels = {"kubernetes.io/legacy-token-last-used": rfc3339(world.env.now())[:10]}
            await world.client.patch(kinds.SECRET, "used", "default", {"metadata": {"labels": labels}})

        await world.settle(2.5 * DAY)
        await use()
        assert not labels_of(await world.client.get(kinds.SECRET, "old", "default"))
        await world.settle(3 * DAY)
        old = await world.client.get(kinds.SECRET, "old", "default")
        assert list(labels_of(old)) == ["kubernetes.io/legacy-token-invalid-since"]
        await use()
        await world.settle(1.5 * DAY)
        assert await world.get(kinds.SECRET, "old") is not None
        await use()
        await world.settle(4 * DAY)
        assert await world.get(kinds.SECRET, "old") is None
        for name in ("used", "mounted", "own"):
            assert await world.get(kinds.SECRET, name) is not None, name

    play(story, CLEANER, legacy_token_clean_up_seconds=3 * DAY)
