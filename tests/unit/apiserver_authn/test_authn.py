"""Who asks: each authenticator, and their order."""

from __future__ import annotations

import asyncio
import base64
import datetime
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from pybernetes.api.errors import BadRequest, Conflict, Invalid, NotFound, Unauthorized
from pybernetes.apiserver.authn import jws, oidcdiscovery, tokenrequest
from pybernetes.apiserver.authn.bearer import token_in_header, token_in_subprotocols
from pybernetes.apiserver.authn.bootstraptoken import BootstrapTokens
from pybernetes.apiserver.authn.chain import Authenticator
from pybernetes.apiserver.authn.clientcert import ClientCertificates
from pybernetes.apiserver.authn.serviceaccount import ServiceAccountTokens, TokenIssuer
from pybernetes.apiserver.authn.serviceaccount_claims import Reference
from pybernetes.apiserver.authn.tokenfile import StaticTokens
from pybernetes.apiserver.authn.verified import InvalidToken
from pybernetes.apiserver.user import ANONYMOUS_USER
from pybernetes.clock import Env
from pybernetes.lang.timestamps import rfc3339

ISSUER = "https://kubernetes.default.svc.cluster.local"
NOW = 1_790_000_000.0


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


EC_KEY = pem(ec.generate_private_key(ec.SECP256R1()))
RSA_KEY = pem(rsa.generate_private_key(65537, 2048))


@dataclass
class World:
    """A cluster's objects and clock."""

    now: float = NOW
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((plural, namespace, name))

    def add(self, plural: str, namespace: str, name: str, **rest: Any) -> dict[str, Any]:
        obj = {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, **rest}
        self.objects[plural, namespace, name] = obj
        return obj

    @property
    def env(self) -> Env:
        return Env(now=lambda: self.now, rng=random.Random(3))

    def issuer(self, key: bytes = EC_KEY) -> TokenIssuer:
        return TokenIssuer(ISSUER, (ISSUER,), key, self.env)

    def verifier(self, *keys: bytes) -> ServiceAccountTokens:
        return ServiceAccountTokens((ISSUER,), (ISSUER,), keys or (EC_KEY,), self.get, self.env)


@pytest.fixture
def world() -> World:
    world = World()
    world.add("serviceaccounts", "default", "robot")
    world.add("nodes", "", "n1")
    world.add("pods", "default", "web", spec={"serviceAccountName": "robot", "nodeName": "n1"})
    return world


def issue(world: World, key: bytes = EC_KEY, **rest: Any) -> str:
    return world.issuer(key).issue(namespace="default", name="robot", uid="uid-robot", **rest).token


@dataclass
class Request:
    headers: Mapping[str, str] = field(default_factory=dict)
    peer_certificate: bytes | None = None


# ---- tokens of service accounts


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY], ids=["ES256", "RS256"])
def test_a_token_verifies_as_its_account(world: World, key: bytes) -> None:
    verified = world.verifier(key).verify(issue(world, key))
    assert verified is not None
    user = verified.user
    assert (user.name, user.uid) == ("system:serviceaccount:default:robot", "uid-robot")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:default")
    assert list(user.extra) == ["authentication.kubernetes.io/credential-id"]
    assert verified.audiences == (ISSUER,)


def test_the_claims_have_upstreams_layout(world: World) -> None:
    bound = Reference("Pod", "web", "uid-web", "n1", "uid-n1")
    header, claims = jws.peek(issue(world, bound=bound, seconds=3607)) or ({}, {})
    assert header == {"alg": "ES256", "kid": jws.verify_key(EC_KEY).kid}
    jti = claims.pop("jti")
    assert len(jti) == 36
    now = int(NOW)
    assert claims == {
        "aud": [ISSUER],
        "exp": now + 31536000,
        "iat": now,
        "iss": ISSUER,
        "kubernetes.io": {
            "namespace": "default",
            "node": {"name": "n1", "uid": "uid-n1"},
            "pod": {"name": "web", "uid": "uid-web"},
            "serviceaccount": {"name": "robot", "uid": "uid-robot"},
            "warnafter": now + 3607,
        },
        "nbf": now,
        "sub": "system:serviceaccount:default:robot",
    }


def test_a_pods_token_names_the_pod_and_dies_with_it(world: World) -> None:
    token = issue(world, bound=Reference("Pod", "web", "uid-web", "n1", "uid-n1"))
    verifier = world.verifier()
    extra = verifier.verify(token).user.extra  # type: ignore[union-attr]
    assert {
        k.removeprefix("authentication.kubernetes.io/"): v for k, v in extra.items() if "JTI" not in v[0]
    } == {
        "pod-name": ("web",),
        "pod-uid": ("uid-web",),
        "node-name": ("n1",),
        "node-uid": ("uid-n1",),
    }
    del world.objects["nodes", "", "n1"]
    assert verifier.verify(token) is not None
    world.get("pods", "default", "web")["metadata"]["deletionTimestamp"] = rfc3339(world.now)  # type: ignore[index]
    world.now += 59
    assert verifier.verify(token) is not None
    world.now += 2
    with pytest.raises(InvalidToken, match="pod default/web has been deleted"):
        verifier.verify(token)


@pytest.mark.parametrize(
    ("bound", "gone", "message"),
    [
        (None, ("serviceaccounts", "default", "robot"), "service account default/robot has been deleted"),
        (Reference("Node", "n1", "uid-n1"), ("nodes", "", "n1"), "node n1 has been deleted"),
        (
            Reference("Pod", "web", "other"),
            None,
            r"pod default/web UID \(uid-web\) does not match claim \(other\)",
        ),
        (Reference("Secret", "s", "x"), None, "secret default/s has been deleted"),
    ],
)
def test_a_token_is_only_as_good_as_what_it_names(
    world: World, bound: Reference | None, gone: tuple[str, str, str] | None, message: str
) -> None:
    token = issue(world, bound=bound)
    if gone:
        del world.objects[gone]
    with pytest.raises(InvalidToken, match=message):
        world.verifier().verify(token)


def test_times_and_audiences_are_checked(world: World) -> None:
    token = issue(world, audiences=("vault", "other"), seconds=600)
    verifier = world.verifier()
    with pytest.raises(InvalidToken, match="is invalid for the target audiences"):
        verifier.verify(token)
    assert verifier.verify_for(token, ("vault", "nobody")).audiences == ("vault",)  # type: ignore[union-attr]
    world.now += 600
    with pytest.raises(InvalidToken, match="has expired"):
        verifier.verify_for(token, ("vault",))
    world.now -= 1000
    with pytest.raises(InvalidToken, match="not valid yet"):
        verifier.verify_for(token, ("vault",))


def test_forgeries_are_refused(world: World) -> None:
    token = issue(world)
    head, body, signature = token.split(".")
    claims = orjson.loads(jws.decode_part(body))
    claims["sub"] = claims["kubernetes.io"]["serviceaccount"]["name"] = "admin"
    forged_body = jws.encode_part(orjson.dumps(claims))
    none = jws.encode_part(b'{"alg":"none"}')
    hmac = jws.encode_part(b'{"alg":"HS256"}')
    other_key = pem(ec.generate_private_key(ec.SECP256R1()))
    forgeries = [
        f"{head}.{forged_body}.{signature}",
        f"{none}.{body}.",
        f"{hmac}.{body}.{signature}",
        f"{head}.{body}.{signature[:-8]}",
        f"{head}.{body}.!!",
        issue(world, other_key),
        issue(world, RSA_KEY),
    ]
    for forged in forgeries:
        with pytest.raises(InvalidToken):
            world.verifier().verify(forged)
    foreign = jws.encode_part(b'{"iss":["a"]}')
    assert world.verifier().verify(f"{head}.{foreign}.x") is None
    assert world.verifier().verify("abcdef.0123456789abcdef") is None
    assert world.verifier().verify("a.b.c") is None


def test_the_signature_is_verified_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    module = "pybernetes.apiserver.authn.serviceaccount.verify_signature"
    monkeypatch.setattr(module, lambda token, *_: calls.append(token))
    token, verifier = issue(world), world.verifier()
    for _ in range(3):
        verifier.verify(token)
    assert calls == [token]


def test_legacy_tokens_live_in_their_secret(world: World) -> None:
    account = world.get("serviceaccounts", "default", "robot")
    token = world.issuer().issue_legacy(account, "robot-token")  # type: ignore[arg-type]
    with pytest.raises(InvalidToken, match="secret default/robot-token has been deleted"):
        world.verifier().verify(token)
    world.add("secrets", "default", "robot-token", data={"token": base64.b64encode(token.encode()).decode()})
    assert world.verifier().verify(token).user.name == "system:serviceaccount:default:robot"  # type: ignore[union-attr]
    world.objects["secrets", "default", "robot-token"]["data"]["token"] = "b3RoZXI="
    with pytest.raises(InvalidToken, match="invalidated"):
        world.verifier().verify(token)


def test_others_can_verify_our_tokens() -> None:
    keys = [jws.verify_key(RSA_KEY), jws.verify_key(EC_KEY)]
    document = oidcdiscovery.discovery(ISSUER, f"{ISSUER}/openid/v1/jwks", keys)
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]
    rsa_jwk, ec_jwk = oidcdiscovery.jwks(keys)["keys"]
    assert (rsa_jwk["kty"], rsa_jwk["e"], rsa_jwk["kid"]) == ("RSA", "AQAB", keys[0].kid)
    assert int.from_bytes(jws.decode_part(rsa_jwk["n"]), "big") == keys[0].public.public_numbers().n  # type: ignore[union-attr]
    assert (ec_jwk["kty"], ec_jwk["crv"], len(jws.decode_part(ec_jwk["x"]))) == ("EC", "P-256", 32)


# ---- TokenRequest


def answer(world: World, **spec: Any) -> dict[str, Any]:
    account = world.get("serviceaccounts", "default", "robot")
    assert account is not None
    whole = tokenrequest.completed({"spec": spec}, account, world.issuer().audiences, NOW)
    return tokenrequest.answer(whole, account, world.issuer(), world.get)


def test_a_token_request_is_answered(world: World) -> None:
    plain = answer(world)
    assert plain["spec"] == {"audiences": [ISSUER], "expirationSeconds": 3600}
    assert plain["status"]["expirationTimestamp"] == rfc3339(NOW + 3600)
    assert plain["metadata"] == {
        "name": "robot",
        "namespace": "default",
        "uid": "uid-robot",
        "creationTimestamp": rfc3339(NOW),
    }
    ref = {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "uid-web"}
    bound = answer(world, boundObjectRef=ref, expirationSeconds=3607)
    assert bound["status"]["expirationTimestamp"] == rfc3339(NOW + 3607)
    extra = world.verifier().verify(bound["status"]["token"]).user.extra  # type: ignore[union-attr]
    assert extra["authentication.kubernetes.io/node-uid"] == ("uid-n1",)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            {"expirationSeconds": 599},
            Invalid,
            "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
        ),
        ({"expirationSeconds": 2**32 + 1}, Invalid, "larger than 2\\^32 seconds"),
        (
            {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "gone"}},
            NotFound,
            'pods "gone" not found',
        ),
        (
            {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "x"}},
            Conflict,
            'Operation cannot be fulfilled on Pod "web": the UID in the bound object reference .x. does not match',
        ),
        (
            {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "other"}},
            BadRequest,
            "different serviceaccount name",
        ),
        (
            {"boundObjectRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
            BadRequest,
            "cannot bind token to object of type apps/v1, Kind=Deployment$",
        ),
        ({"boundObjectRef": {}}, BadRequest, "cannot bind token to object of type /, Kind=$"),
        (
            {"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "c"}},
            BadRequest,
            "cannot bind token to object of type /v1, Kind=ConfigMap$",
        ),
        (
            {
                "boundObjectRef": {
                    "apiVersion": "admissionregistration.k8s.io/v1",
                    "kind": "ValidatingWebhookConfiguration",
                    "name": "w",
                }
            },
            BadRequest,
            "feature gate APIServerWebhookAuthenticationToken is disabled",
        ),
    ],
)
def test_bad_token_requests_are_refused(
    world: World, spec: dict[str, Any], error: type[Exception], message: str
) -> None:
    world.add("pods", "default", "other", spec={"serviceAccountName": "someone"})
    with pytest.raises(error, match=message):
        answer(world, **spec)


def test_a_token_request_is_of_its_url(world: World) -> None:
    for metadata, wrong in (
        ({"name": "other"}, "name"),
        ({"namespace": "other", "name": "robot"}, "namespace"),
    ):
        with pytest.raises(Invalid) as caught:
            tokenrequest.check_place({"metadata": metadata}, "robot", "default")
        assert caught.value.message == (
            f'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.{wrong}: Invalid value: "other": must match '
            f"the service account {wrong} if specified"
        )
    account = world.get("serviceaccounts", "default", "robot")
    assert account is not None
    with pytest.raises(Conflict) as refused:
        tokenrequest.completed({"metadata": {"uid": "x"}}, account, (), NOW)
    assert refused.value.message == (
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (x) '
        "does not match the UID of the service account (uid-robot)"
    )


# ---- the other authenticators


def certificate(common_name: str, *organizations: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    if common_name:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    name, issuer = x509.Name(parts), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateBuilder(
        issuer, name, key.public_key(), 1, start, start + datetime.timedelta(days=9)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificates_subject_is_the_user() -> None:
    certificates = ClientCertificates()
    der = certificate("system:node:n1", "system:nodes", "more")
    user = certificates.user(der)
    assert user is not None
    assert (user.name, user.groups) == ("system:node:n1", ("system:nodes", "more"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
    assert certificates.user(der) is user
    assert certificates.user(certificate("", "system:masters")) is None


def test_the_token_file() -> None:
    tokens = StaticTokens.parse(['secret,admin,1,"system:masters,devs"', "", "other, bob, 2"])
    assert tokens.verify("secret").user.groups == ("system:masters", "devs")  # type: ignore[union-attr]
    assert tokens.verify("other").user.name == "bob"  # type: ignore[union-attr]
    assert tokens.verify("nothing") is None
    for bad in ("only,two", ",admin,1", "t,,1"):
        with pytest.raises(ValueError, match="token file line 1"):
            StaticTokens.parse([bad])


def bootstrap_secret(world: World, **change: str) -> None:
    data = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        "expiration": rfc3339(NOW + 10),
        **change,
    }
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    world.add(
        "secrets", "kube-system", "bootstrap-token-abcdef", type="bootstrap.kubernetes.io/token", data=encoded
    )


def test_bootstrap_tokens(world: World) -> None:
    tokens, token = BootstrapTokens(world.get, world.env), "abcdef.0123456789abcdef"
    assert tokens.verify(token) is None
    assert tokens.verify("ABCDEF.0123456789abcdef") is None
    bootstrap_secret(world)
    user = tokens.verify(token).user  # type: ignore[union-attr]
    assert user.name == "system:bootstrap:abcdef"
    assert user.groups == ("system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token")
    bad = {
        "the secret does not match": {"token-secret": "fedcba9876543210"},
        "has expired": {"expiration": rfc3339(NOW)},
        "is not for authentication": {"usage-bootstrap-authentication": "false"},
        "is not allowed": {"auth-extra-groups": "system:masters"},
        "cannot parse": {"expiration": "tomorrow"},
    }
    for message, change in bad.items():
        bootstrap_secret(world, **change)
        with pytest.raises(InvalidToken, match=message):
            tokens.verify(token)


def test_where_a_bearer_token_is_found() -> None:
    assert token_in_header("Bearer abc") == token_in_header("bearer  abc ") == "abc"
    assert token_in_header("Basic abc") is token_in_header("Bearer ") is token_in_header("") is None
    hidden = "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(b"t0ken!").decode().rstrip(
        "="
    )
    assert token_in_subprotocols(["v5.channel.k8s.io", hidden]) == "t0ken!"
    assert token_in_subprotocols(["base64url.bearer.authorization.k8s.io.é"]) is None
    assert token_in_subprotocols(["v5.channel.k8s.io"]) is None


def test_the_chain_asks_in_order(world: World) -> None:
    der = certificate("kubernetes-admin", "kubeadm:cluster-admins")
    chain = Authenticator(
        certificates=ClientCertificates(),
        service_accounts=world.verifier(),
        tokens=(StaticTokens.parse(["secret,bob,2,devs"]), BootstrapTokens(world.get, world.env)),
        audiences=(ISSUER,),
    )

    async def main() -> None:
        bearer = {"authorization": f"Bearer {issue(world)}"}
        by_certificate = chain.authenticate(Request(bearer, der))
        assert by_certificate.name == "kubernetes-admin"
        assert by_certificate.groups == ("kubeadm:cluster-admins", "system:authenticated")
        assert chain.authenticate(Request(bearer)).name == "system:serviceaccount:default:robot"
        static = chain.authenticate(Request({"authorization": "Bearer secret"}))
        assert static.groups == ("devs", "system:authenticated")
        assert chain.authenticate(Request()) is ANONYMOUS_USER
        assert chain.authenticate(Request({"authorization": "Basic eA=="})) is ANONYMOUS_USER
        for wrong in ("nonsense", issue(world, RSA_KEY)):
            with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
                chain.authenticate(Request({"authorization": f"Bearer {wrong}"}))
        strict = Authenticator(anonymous=False)
        with pytest.raises(Unauthorized):
            strict.authenticate(Request(peer_certificate=der))

    asyncio.run(main())


def test_reviews_tell_why_not(world: World) -> None:
    chain = Authenticator(
        service_accounts=world.verifier(), tokens=(StaticTokens.parse(["s,bob,2"]),), audiences=(ISSUER,)
    )

    async def main() -> None:
        good = await chain.review(issue(world, audiences=("vault",)), ("vault",))
        assert good.user is not None
        assert (good.user.groups[-1], good.audiences) == ("system:authenticated", ("vault",))
        assert (await chain.review("s", ())).audiences == (ISSUER,)
        assert (await chain.review("s", ("vault",))).user is None
        bad = await chain.review(issue(world), ("vault",))
        assert bad.user is None
        assert bad.error.startswith("[invalid bearer token, token audiences")
        assert (await chain.review("nonsense", ())).error == "invalid bearer token"

    asyncio.run(main())
