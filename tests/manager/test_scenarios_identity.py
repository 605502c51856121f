"""Accounts, tokens, certificates, roles and device taint rules by upstream's documentation, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from test_manager_certificates import (
    CA,
    CA_KEY,
    CLIENT,
    NODE_CLIENT,
    NODE_SERVING,
    SERVING,
    decide,
    request,
    status,
)
from test_manager_devicetaints import A_MINUTE, FOR_EVER, ONLY, left, rule, slice_of, using
from test_manager_tokens import bootstrap
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of, uid_of
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Delete
from pybernetes.controllers import clusterroleaggregation, tokencleaner
from pybernetes.controllers.certificates import cleaner
from pybernetes.controllers.certificates.issuing import lifetime
from pybernetes.lang.timestamps import rfc3339

START = 1_790_000_000.0
HOUR, DAY = 3600.0, 86400.0
ACCOUNTS = "serviceaccount-controller,root-ca-certificate-publisher-controller"


def test_what_every_namespace_has_comes_back() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.NAMESPACE, new_object(kinds.NAMESPACE, "team"))
        await world.settle(2)
        account = await world.client.get(kinds.SERVICEACCOUNT, "default", "team")
        assert (await world.client.get(kinds.CONFIGMAP, "kube-root-ca.crt", "team"))["data"] == {
            "ca.crt": "CA"
        }
        await world.client.delete(kinds.SERVICEACCOUNT, "default", "team")
        await world.client.delete(kinds.CONFIGMAP, "kube-root-ca.crt", "team")
        await world.settle(2)
        again = await world.client.get(kinds.SERVICEACCOUNT, "default", "team")
        assert uid_of(again) != uid_of(account)
        spoilt = {"data": {"ca.crt": "other", "more": "x"}}
        await world.client.patch(kinds.CONFIGMAP, "kube-root-ca.crt", "team", spoilt)
        await world.settle(2)
        mended = await world.client.get(kinds.CONFIGMAP, "kube-root-ca.crt", "team")
        assert mended["data"] == {"ca.crt": "CA"}
        assert "kubernetes.io/description" in mended["metadata"]["annotations"]

    play(story, ACCOUNTS)


# Certificates.


@pytest.mark.parametrize(
    ("asked", "most", "seconds"),
    [
        (None, 86400, 86400),
        (3600, 86400, 3600),
        (60, 86400, 600),
        (10**9, 86400, 86400),
        (600, 86400, 600),
    ],
)
def test_how_long_a_certificate_is_valid(asked: int | None, most: int, seconds: int) -> None:
    assert lifetime(asked, most) == seconds


def csr(made: float, *conditions: str, certificate: str = "") -> Obj:
    """A request made so many seconds before START, with conditions of an hour later."""
    then = rfc3339(START - made + HOUR)
    entries = [{"type": kind, "status": "True", "lastUpdateTime": then} for kind in conditions]
    given = {
        **({"conditions": entries} if entries else {}),
        **({"certificate": certificate} if certificate else {}),
    }
    made_at = {"name": "r", "uid": "u", "creationTimestamp": rfc3339(START - made)}
    return {"metadata": made_at, "spec": {}, "status": given}


ISSUED = "LS0t"  # no certificate that could be read: it does not expire
KEPT: list[tuple[str, Obj, float | None]] = [
    # (what it is, when it goes: seconds after START, None never)
    ("nobody decided", csr(0), DAY),
    ("issued", csr(HOUR, "Approved", certificate=ISSUED), HOUR),
    ("approved, not issued", csr(HOUR, "Approved"), DAY),
    ("denied", csr(HOUR, "Denied"), HOUR),
    ("failed", csr(HOUR, "Approved", "Failed"), HOUR),
    ("long issued", csr(9 * DAY, "Approved", certificate=ISSUED), 0),
    ("long undecided", csr(9 * DAY), 0),
]


@pytest.mark.parametrize(("request_", "goes"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_how_long_a_request_is_kept(request_: Obj, goes: float | None) -> None:
    now = cleaner.plan(request_, START, Settings())
    if goes == 0:
        assert [step.name for step in now.steps if isinstance(step, Delete)] == ["r"]
        return
    assert now.steps == ()
    assert now.after == goes
    assert goes is not None
    assert cleaner.plan(request_, START + goes, Settings()).steps


NODE = ("system:node:n1", "system:nodes")
OTHERS = "example.org/own"
SIGNED: list[tuple[str, Obj, str]] = [
    # (what, the request, what becomes of it once it is approved)
    ("a client", request("jane"), "certificate"),
    ("a node's client", request(*NODE, signer=NODE_CLIENT), "certificate"),
    ("somebody as a node", request("jane", "system:nodes", signer=NODE_CLIENT), "Failed"),
    ("a node that serves without a name", request(*NODE, signer=NODE_SERVING, usages=SERVING), "Failed"),
    ("a client that wants to serve", request("jane", usages=SERVING), "Failed"),
    ("another signer's", request("jane", signer=OTHERS, usages=CLIENT), "nothing"),
]


@pytest.mark.parametrize(("made", "becomes"), [row[1:] for row in SIGNED], ids=[row[0] for row in SIGNED])
def test_signers(made: Obj, becomes: str) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CERTIFICATESIGNINGREQUEST, made)
        await world.settle(2)
        assert not (await status(world)).get("certificate"), "nobody has approved it"
        await decide(world)
        found = await status(world)
        types = {each["type"]: each["reason"] for each in found["conditions"]}
        assert bool(found.get("certificate")) is (becomes == "certificate")
        assert types.get("Failed") == ("SignerValidationFailure" if becomes == "Failed" else None)

    signing = "certificatesigningrequest-signing-controller"
    play(story, signing, cluster_signing_cert=CA, cluster_signing_key=CA_KEY)


# Bootstrap tokens.


class _At:
    """What `bootstrap` needs of a world: the time."""

    class env:
        @staticmethod
        def now() -> float:
            return START


@pytest.mark.parametrize(
    ("data", "after"),
    [
        ({}, None),
        ({"seconds": 60.0}, 60.0),
        ({"seconds": -1.0}, 0.0),
        ({"expiration": "some day"}, 0.0),
    ],
)
def test_when_a_bootstrap_token_goes(data: dict[str, Any], after: float | None) -> None:
    secret = bootstrap(_At, "abcdef", **data)  # type: ignore[arg-type]
    secret["metadata"]["uid"] = "u"
    decided = tokencleaner.plan(secret, START, Settings())
    if after == 0.0:
        assert [step.name for step in decided.steps if isinstance(step, Delete)] == ["bootstrap-token-abcdef"]
    else:
        assert (decided.steps, decided.after) == ((), after)


# Roles.


def role(name: str, labels: dict[str, str], *verbs: str, selects: list[Obj] | None = None) -> Obj:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]} for verb in verbs]
    made = {"metadata": {"name": name, "labels": labels}, "rules": rules}
    return {**made, "aggregationRule": {"clusterRoleSelectors": selects}} if selects is not None else made


A, B = {"to-a": "true"}, {"to-b": "true"}
ROLES = [role("z", A, "get"), role("b", B, "list"), role("a", A, "watch", "get")]
AGGREGATED: list[tuple[list[Obj], list[str]]] = [
    ([], []),
    ([{"matchLabels": A}], ["watch", "get"]),
    ([{"matchLabels": B}, {"matchLabels": A}], ["list", "watch", "get"]),
    ([{"matchExpressions": [{"key": "to-a", "operator": "Exists"}]}], ["watch", "get"]),
    ([{"matchLabels": {"to-c": "true"}}], []),
]


@pytest.mark.parametrize(("selectors", "verbs"), AGGREGATED)
def test_roles_that_gather(selectors: list[Obj], verbs: list[str]) -> None:
    rules = clusterroleaggregation.gathered(role("all", {}, selects=selectors), ROLES)
    assert [each["verbs"][0] for each in rules] == verbs


# The condition of DeviceTaintRules (KEP-5055).


async def progress(world: World, name: str = "maintenance") -> tuple[str, str, str]:
    found = await world.client.get(kinds.DEVICETAINTRULE, name)
    (entry,) = found["status"]["conditions"]
    assert entry["type"] == "EvictionInProgress"
    return entry["status"], entry["reason"], entry["message"]


def test_a_rule_says_how_far_it_has_come() -> None:
    async def story(world: World) -> None:
        world.stop_after = 1e9
        await world.client.create(kinds.RESOURCESLICE, slice_of())
        await using(world, "now")
        await using(world, "minute", A_MINUTE)
        await using(world, "also", A_MINUTE)
        await using(world, "ever", FOR_EVER)
        await using(world, "other", device="d1")
        await world.settle(2)
        await world.client.create(kinds.DEVICETAINTRULE, rule(driver="example.org", device="d0"))
        await world.settle(2)
        assert (await progress(world))[:2] == ("True", "PodsPendingEviction")
        await world.settle(20)
        one = "1 pod evicted since starting the controller."
        pending = f"2 pods need to be evicted in 1 namespace. {one}"
        assert await progress(world) == ("True", "PodsPendingEviction", pending)
        await world.settle(90)
        assert await left(world) == ["ever", "other"]
        done = "3 pods evicted since starting the controller."
        assert await progress(world) == ("False", "Completed", done)

    play(story, ONLY)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule(driver="other.org"), ("False", "NotStarted", "")),
        (
            rule("NoSchedule", driver="example.org"),
            ("False", "OtherEffect", "Eviction only happens for the NoExecute effect."),
        ),
        (
            rule("None", driver="example.org"),
            (
                "False",
                "NoEffect",
                "2 published devices selected. 2 allocated devices selected. 1 pod would be evicted in 1 namespace if "
                "the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to "
                "trigger an update.",
            ),
        ),
    ],
)
def test_a_rule_that_evicts_nobody_says_why(made: Obj, said: tuple[str, str, str]) -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.RESOURCESLICE, slice_of())
        await using(world, "p")
        await using(world, "ever", FOR_EVER, device="d1")
        await world.client.create(kinds.DEVICETAINTRULE, made)
        await world.settle(3)
        assert await progress(world) == said
        version = (await world.client.get(kinds.DEVICETAINTRULE, name_of(made)))["metadata"][
            "resourceVersion"
        ]
        await world.settle(60)
        later = await world.client.get(kinds.DEVICETAINTRULE, name_of(made))
        assert later["metadata"]["resourceVersion"] == version
        assert await left(world) == ["ever", "p"]

    play(story, ONLY)
