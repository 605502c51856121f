"""From a kubeconfig over TLS to a real API server and back: identity, verbs, watches, errors, tokens."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.api import kinds
from pybernetes.api.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    NotFound,
    ServiceUnavailable,
)
from pybernetes.api.kind import new_object
from pybernetes.apiserver.server import ApiServer
from pybernetes.client.client import ApiClient
from pybernetes.client.https import HttpsTransport, decode_error
from pybernetes.client.informer import Informer
from pybernetes.client.interface import Reaction
from pybernetes.client.kubeconfig import Access, BadKubeconfig, in_cluster, load
from pybernetes.clock import Env
from pybernetes.cluster import identities
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.controlplane import Certificates, issue_certificates, server_config
from pybernetes.cluster.pki import Pki
from pybernetes.store.memory import MemoryStore
from pybernetes.wire.http.messages import Reply, Request, Response, Result
from pybernetes.wire.http.server import HttpServer
from pybernetes.wire.tls import server_context


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClusterConfig, Certificates]:
    """A cluster's certificates and kubeconfigs; the port in them is replaced by each test's own."""
    config = ClusterConfig(state=tmp_path_factory.mktemp("state"))
    pki = Pki(config.paths.pki, Env.real().now())
    identities.write_kubeconfigs(pki, config.state, config.server_url)
    return config, issue_certificates(pki, config)


def over_https(
    made: tuple[ClusterConfig, Certificates],
    story: Callable[[ApiServer, Callable[[str], Path]], Awaitable[None]],
) -> None:
    """Runs a story with a server on a free port; it gets paths of kubeconfigs by file name."""
    config, certificates = made

    async def main() -> None:
        env = Env.real()
        store = MemoryStore(env)
        async with ApiServer(store, env, server_config(config, certificates)) as server:
            http = HttpServer(server.handler, now=env.now)
            tls = server_context(certificates.serving.certificate, certificates.serving.key, certificates.ca)
            url = f"https://127.0.0.1:{await http.listen('127.0.0.1', 0, tls=tls)}"

            def kubeconfig(name: str) -> Path:
                target = config.state / f"test-{name}"
                tree = yaml.safe_load((config.state / name).read_text())
                tree["clusters"][0]["cluster"]["server"] = url
                target.write_text(yaml.safe_dump(tree))
                return target

            try:
                await story(server, kubeconfig)
            finally:
                await http.close(grace=1)
        await store.close()

    asyncio.run(main())


def test_every_verb_and_the_errors(made: tuple[ClusterConfig, Certificates]) -> None:
    async def story(_server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig("kubeconfig"))))
        made = await client.create(
            kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "a", "default", data={"k": "v"})
        )
        assert (await client.get(kinds.CONFIGMAP, "a", "default"))["data"] == {"k": "v"}
        with pytest.raises(AlreadyExists):
            await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "a", "default"))
        patched = await client.patch(kinds.CONFIGMAP, "a", "default", {"data": {"k": "w"}})
        with pytest.raises(Conflict):
            await client.update(kinds.CONFIGMAP, made)
        operations = [{"op": "replace", "path": "/data/k", "value": "x"}]
        await client.patch(kinds.CONFIGMAP, "a", "default", operations, patch_type="json")
        page = await client.list(kinds.CONFIGMAP, "default")
        (listed,) = [o for o in page.items if o["metadata"]["name"] == "a"]
        assert listed["data"] == {"k": "x"}
        assert (listed["kind"], listed["apiVersion"]) == ("ConfigMap", "v1")
        assert int(page.resource_version) > int(patched["metadata"]["resourceVersion"])
        await client.delete(kinds.CONFIGMAP, "a", "default", uid=made["metadata"]["uid"])
        with pytest.raises(NotFound) as caught:
            await client.get(kinds.CONFIGMAP, "a", "default")
        assert caught.value.message == 'configmaps "a" not found'
        assert (caught.value.kind, caught.value.name) == ("configmaps", "a")
        await client.close()

    over_https(made, story)


def test_a_component_has_the_rights_of_its_certificate(made: tuple[ClusterConfig, Certificates]) -> None:
    async def story(_server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig("scheduler.kubeconfig"))))
        await client.list(kinds.NODE)
        with pytest.raises(Forbidden, match='User "system:kube-scheduler" cannot list resource "secrets"'):
            await client.list(kinds.SECRET)
        await client.close()

    over_https(made, story)


def test_an_informer_follows_over_https(made: tuple[ClusterConfig, Certificates]) -> None:
    async def story(_server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig("kubeconfig"))))
        informer = Informer(client, kinds.CONFIGMAP, "default")
        told: list[str] = []
        informer.on_event(lambda change, _old, _new: told.append(change))
        task = asyncio.create_task(informer.run())
        await asyncio.wait_for(informer.synced(), 10)
        await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "a", "default"))
        assert await informer.seen(lambda: informer.get("default/a") is not None, 10)
        await client.delete(kinds.CONFIGMAP, "a", "default")
        assert await informer.seen(lambda: informer.get("default/a") is None, 10)
        assert told == ["ADDED", "DELETED"]
        task.cancel()
        await asyncio.wait({task})
        await client.close()

    over_https(made, story)


def test_a_watch_from_a_revision_that_is_none_is_an_error(
    made: tuple[ClusterConfig, Certificates],
) -> None:
    async def story(_server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig("kubeconfig"))))
        with pytest.raises(ApiError, match="garbage"):
            await client.watch(kinds.CONFIGMAP, resource_version="garbage").__aenter__()
        await client.close()

    over_https(made, story)


def test_the_reason_of_a_write_reaches_the_ledger(made: tuple[ClusterConfig, Certificates]) -> None:
    async def story(server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig("kubeconfig"))))
        why = Reaction("Deployment", "default", "web", "42", "größer als 5 \N{RIGHTWARDS ARROW} \N{SNOWMAN}")
        await client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, "a", "default"), reaction=why)
        assert [entry.reaction for entry in server.ledger if entry.name == "a"] == [why]
        await client.close()

    over_https(made, story)


def test_a_token_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    transport = HttpsTransport(Access("http://127.0.0.1:1", None, token_file=token))

    async def main() -> list[str]:
        seen = [transport._bearer()]
        token.write_text("second\n")
        seen.append(transport._bearer())
        transport._token_read -= 61
        seen.append(transport._bearer())
        await transport.close()
        return seen

    assert asyncio.run(main()) == ["first", "first", "second"]


def test_an_unreachable_server_is_a_connection_error() -> None:
    async def main() -> None:
        client = ApiClient(HttpsTransport(Access("http://127.0.0.1:1", None)))
        with pytest.raises(OSError):
            await client.get(kinds.NODE, "n")
        await client.close()

    asyncio.run(main())


def test_errors_of_things_that_are_no_api_server() -> None:
    error = decode_error(503, b"<html>upstream is down</html>")
    assert isinstance(error, ServiceUnavailable)
    assert "upstream is down" in error.message
    assert isinstance(decode_error(410, b""), Expired)
    assert isinstance(decode_error(404, b"404 page not found"), NotFound)


def kubeconfig_tree(**user: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://example.test:6443"}}],
        "users": [{"name": "u", "user": user}],
    }


def test_what_a_kubeconfig_says(made: tuple[ClusterConfig, Certificates], tmp_path: Path) -> None:
    ca = made[1].ca.read_bytes()
    tree = kubeconfig_tree(tokenFile="token")
    tree["clusters"][0]["cluster"] |= {
        "certificate-authority-data": base64.b64encode(ca).decode(),
        "tls-server-name": "kubernetes",
    }
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(tree))
    access = load(path)
    assert access.server == "https://example.test:6443"
    assert access.namespace == "team"
    assert access.token_file == tmp_path / "token"
    assert access.server_name == "kubernetes"
    assert access.ca_pem == ca
    assert access.tls is not None
    assert access.tls.check_hostname


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "not a kubeconfig"),
        ("a: [", "not YAML"),
        ("{}", "contexts has no entry"),
        (yaml.safe_dump({**kubeconfig_tree(), "clusters": []}), "clusters has no entry named 'c'"),
        (
            yaml.safe_dump({**kubeconfig_tree(), "clusters": [{"name": "c", "cluster": {}}]}),
            "cluster.server is missing",
        ),
        (
            yaml.safe_dump(kubeconfig_tree(**{"client-certificate-data": "***"})),
            "client-certificate-data is not base64",
        ),
    ],
)
def test_a_kubeconfig_that_says_nothing_useful_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(BadKubeconfig, match=message):
        load(path)


def test_outside_a_pod_there_is_no_in_cluster_configuration() -> None:
    with pytest.raises(BadKubeconfig, match="not in a pod"):
        in_cluster({})


def test_identities_of_components_are_upstreams() -> None:
    assert identities.SCHEDULER.common_name == "system:kube-scheduler"
    assert identities.kubelet("n1").organizations == ("system:nodes",)


def test_discovery_is_not_sent_again_while_nothing_changes(made: tuple[ClusterConfig, Certificates]) -> None:
    async def story(_server: ApiServer, kubeconfig: Callable[[str], Path]) -> None:
        transport = HttpsTransport(load(kubeconfig("kubeconfig")))
        client = ApiClient(transport)
        codes: list[int] = []
        request = transport._http.request

        async def observed(*parts: Any, **options: Any) -> Reply:
            reply = await request(*parts, **options)
            codes.append(reply.status)
            return reply

        transport._http.request = observed  # type: ignore[method-assign]
        first = await client.discover()
        assert first.preferred()["", "pods"] is kinds.POD
        assert await client.discover() == first
        assert codes == [200, 200, 304, 304]
        await client.close()

    over_https(made, story)


@pytest.mark.parametrize("answer", [b"<html>log in</html>", b"[1]", b"null"])
def test_an_answer_that_is_no_object_is_a_connection_error(answer: bytes) -> None:
    """A portal or a proxy in the way says 200 and something of its own."""

    async def main() -> None:
        async def handler(_: Request) -> Result:
            return Response(200, (), answer)

        server = HttpServer(handler, now=lambda: 0.0)
        port = await server.listen()
        client = ApiClient(HttpsTransport(Access(f"http://127.0.0.1:{port}", None)))
        with pytest.raises(ConnectionError, match=f"127.0.0.1:{port}.*GET /api/v1/nodes/n"):
            await client.get(kinds.NODE, "n")
        with pytest.raises(ConnectionError, match="GET /api/v1/nodes"):
            await client.list(kinds.NODE)
        with pytest.raises(ConnectionError, match="GET /api"):
            await client.discover()
        with pytest.raises(ConnectionError, match="event of a watch"):
            async with client.watch(kinds.NODE) as events:
                await anext(events)
        await client.close()
        await server.close()

    asyncio.run(main())
