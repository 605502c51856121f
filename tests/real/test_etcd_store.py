"""The etcd backend against real etcd members on loopback: the conformance tests, and what a network adds."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pybernetes.clock import Env
from pybernetes.store.etcd import EtcdStore
from pybernetes.store.etcdchannel import TlsFiles
from pybernetes.store.types import Delete, Put, Unavailable

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "store"))
from store_conformance import END, PODS, Opened, StoreConformance, collect, next_events, put

pytestmark = pytest.mark.real


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Member:
    """An etcd process with its own data; `start` after `stop` goes on with the same data and ports."""

    directory: str
    client: str
    peer: str
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["etcd", "--data-dir", f"{self.directory}/data", "--logger", "zap", "--log-level", "error"]
        command += ["--listen-client-urls", self.client, "--advertise-client-urls", self.client]
        command += ["--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer]
        command += ["--initial-cluster", f"default={self.peer}", "--unsafe-no-fsync"]
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


async def connect(member: Member, *more: str, prefix: str = "", tls: TlsFiles | None = None) -> EtcdStore:
    """Connects once the member answers."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await EtcdStore.connect([member.client, *more], Env.real(), prefix, tls=tls)
            except Unavailable:
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def member() -> Iterator[Member]:
    with tempfile.TemporaryDirectory(prefix="pybernetes-etcd-") as directory:
        one = Member(directory, f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
        one.start()
        yield one
        one.stop()


class TestEtcd(StoreConformance):
    @pytest.fixture
    def opened(self, member: Member) -> Opened:
        @asynccontextmanager
        async def open_store() -> AsyncIterator[EtcdStore]:
            store = await connect(member)
            await store.txn((), [Delete("\0", "\U0010ffff")])
            yield store
            await store.close()

        return open_store


def test_a_prefix_keeps_two_clusters_apart(member: Member) -> None:
    async def main() -> None:
        one, two = await connect(member, prefix="/one"), await connect(member, prefix="/two")
        async with one.watch(PODS, END) as watch:
            await put(two, PODS + "a", b"2")
            await put(one, PODS + "a", b"1")
            assert await collect(watch, 1) == [("put", PODS + "a", b"1")]
        assert [(kv.key, kv.value) for kv in (await two.range("/", "0")).kvs] == [(PODS + "a", b"2")]
        await one.close()
        await two.close()

    asyncio.run(main())


def test_an_expired_lease_takes_its_keys_along(member: Member) -> None:
    async def main() -> None:
        store = await connect(member)
        async with store.watch("/leased") as watch:
            lease = await store.grant(1)
            await put(store, "/leased", b"v", lease.id)
            assert [kind for kind, _, _ in await collect(watch, 2)] == ["put", "delete"]
        await store.close()

    asyncio.run(main())


def test_a_response_larger_than_a_fragment_arrives_whole(member: Member) -> None:
    async def main() -> None:
        store = await connect(member)
        big = b"x" * 500_000
        revision = (await put(store, "/big/0", big)).revision
        for number in range(1, 8):
            await put(store, f"/big/{number}", big)
        async with store.watch("/big/", "/big0", revision=revision) as watch:
            events = await collect(watch, 8)
        assert [(key, len(value)) for _, key, value in events] == [(f"/big/{n}", len(big)) for n in range(8)]
        await store.close()

    asyncio.run(main())


def test_a_watch_outlives_the_member_it_was_on(member: Member) -> None:
    async def main() -> None:
        store = await connect(member, f"http://127.0.0.1:{free_port()}")
        async with store.watch("/k") as watch:
            await put(store, "/k", b"1")
            assert (await next_events(watch)).events[0].kv.value == b"1"
            reading = asyncio.create_task(collect(watch, 2))
            member.stop()
            with pytest.raises(Unavailable):
                await store.txn((), [Put("/k", b"lost")])
            member.start()
            other = await connect(member)
            await put(other, "/k", b"2")
            await put(other, "/k", b"3")
            assert await reading == [("put", "/k", b"2"), ("put", "/k", b"3")]
            await other.close()
        await store.close()

    asyncio.run(main())


def test_no_endpoint_that_answers_is_unavailable() -> None:
    async def main() -> None:
        with pytest.raises(Unavailable, match="etcd: UNAVAILABLE"):
            await EtcdStore.connect([f"127.0.0.1:{free_port()}"], Env.real())

    asyncio.run(main())


def make_certificates(directory: Path) -> None:
    """ca.crt, and peer.crt / peer.key for server and client on 127.0.0.1."""
    now = datetime.datetime.now(datetime.UTC)

    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
    ) -> bytes:
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            key.public_key(),
            x509.random_serial_number(),
            now - datetime.timedelta(hours=1),
            now + datetime.timedelta(hours=1),
        ).add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        if name != issuer:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca, peer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (directory / "ca.crt").write_bytes(certificate("etcd-ca", ca, "etcd-ca", ca))
    (directory / "peer.crt").write_bytes(certificate("etcd", peer, "etcd-ca", ca))
    pkcs8 = serialization.PrivateFormat.PKCS8
    pem = peer.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    (directory / "peer.key").write_bytes(pem)


def test_tls_with_client_certificates(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    ca, cert, key = (str(tmp_path / name) for name in ("ca.crt", "peer.crt", "peer.key"))
    options = ("--client-cert-auth", "--trusted-ca-file", ca, "--cert-file", cert, "--key-file", key)
    member = Member(
        str(tmp_path), f"https://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}", options
    )

    async def main() -> None:
        store = await connect(member, tls=TlsFiles(ca=ca, cert=cert, key=key))
        assert (await put(store, "/k", b"v")).succeeded
        with pytest.raises(Unavailable):
            await EtcdStore.connect([member.client], Env.real(), tls=TlsFiles(ca=ca))
        await store.close()

    member.start()
    try:
        asyncio.run(main())
    finally:
        member.stop()


def test_progress_never_overtakes_an_event(member: Member) -> None:
    """Members before 3.4.31 say that everything was sent when it was not (etcd-io/etcd issue 15220)."""

    async def main() -> None:
        store = await connect(member, prefix=f"/overtaken{free_port()}")
        writers, each = 8, 60

        async def write(number: int) -> None:
            for count in range(each):
                await put(store, f"{PODS}{number}-{count}", b"x" * 500)

        async def ask() -> None:
            while True:
                await store.progress()
                await asyncio.sleep(0)

        async with store.watch(PODS, END) as watch:
            tasks = [asyncio.create_task(write(number)) for number in range(writers)]
            asking = asyncio.create_task(ask())
            seen, reached = 0, 0
            async with asyncio.timeout(60):
                async for batch in watch:
                    assert all(event.kv.mod_revision > reached for event in batch.events)
                    reached = batch.revision
                    seen += len(batch.events)
                    if seen == writers * each:
                        break
            asking.cancel()
            await asyncio.gather(*tasks)
            await asyncio.gather(asking, return_exceptions=True)
        await store.close()

    asyncio.run(main())
