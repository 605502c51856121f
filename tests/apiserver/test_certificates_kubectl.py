"""kubectl approves, denies and shows certificate signing requests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pybernetes.api.kinds import CERTIFICATESIGNINGREQUEST
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .test_cluster_kinds import samples
from .test_protobuf_kubectl import judged
from .transports import transport_of

pytestmark = pytest.mark.peer


def test_kubectl_certificate(env: Env, tmp_path: Path) -> None:
    async def main() -> None:
        _, body, _ = samples()[CERTIFICATESIGNINGREQUEST]
        async with judged(env, tmp_path) as kubectl:
            t = transport_of("inprocess", kubectl.server)
            for name in ("good", "bad"):
                await t.call(
                    Call("create", CERTIFICATESIGNINGREQUEST, body={"metadata": {"name": name}, **body})
                )
            assert "good approved" in await kubectl.run("certificate", "approve", "good")
            assert "bad denied" in await kubectl.run("certificate", "deny", "bad")
            lines = (await kubectl.run("get", "csr")).splitlines()
            assert lines[0].split() == [
                "NAME",
                "AGE",
                "SIGNERNAME",
                "REQUESTOR",
                "REQUESTEDDURATION",
                "CONDITION",
            ]
            assert [line.split()[-1] for line in lines[1:]] == ["Denied", "Approved"]
            told = await kubectl.run("describe", "csr", "good")
            assert "Common Name:    jane" in told

    asyncio.run(main())
