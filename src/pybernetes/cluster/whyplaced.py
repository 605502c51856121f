"""Why a pod is where it is: the scheduler's decision in words, from the API server beside it or from the scheduler itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from pybernetes.api.errors import ApiError
from pybernetes.client import kubeconfig
from pybernetes.wire.http.client import HttpClient

from .naming import Target
from .story import node_verdicts
from .storyreading import Reader

MOST_NODES = 12


def is_pod(target: Target) -> bool:
    return target.kind.kind == "Pod" and not target.kind.group


async def decision_about(
    reader: Reader, target: Target, scheduler: str, path: Path
) -> Mapping[str, Any] | None:
    """The latest decision about a pod; None where none is known. `scheduler` is the URL of a `kube-scheduler` that runs
    alone, "" for the one beside the API server; `path` is the kubeconfig. Raises OSError where that URL does not answer."""
    if not is_pod(target):
        return None
    if not scheduler:
        try:
            return await reader.decision(target.namespace, target.name)
        except ApiError:
            return None
    return await _asked(scheduler, target, path)


async def placement(reader: Reader, target: Target) -> list[str]:
    """Why a pod that has a node is there, in words; nothing about others, or where it is not known any more."""
    if not is_pod(target):
        return []
    try:
        decision = await reader.decision(target.namespace, target.name)
    except ApiError:
        return []
    return decided(decision) if decision is not None and decision.get("node") is not None else []


async def _asked(scheduler: str, target: Target, path: Path) -> Mapping[str, Any] | None:
    access = kubeconfig.load(path)
    host = urlsplit(scheduler).hostname or ""
    if access.tls is not None and _is_loopback(host):
        # Nobody vouches for the certificate that a scheduler makes itself; on this machine it need not be.
        access.tls.check_hostname, access.tls.verify_mode = False, 0  # type: ignore[assignment]
    headers = (("Authorization", f"Bearer {access.token}"),) if access.token else ()
    client = HttpClient(scheduler, tls=access.tls, headers=headers)
    try:
        where = f"/decisions/{quote(target.namespace)}/{quote(target.name)}"
        reply = await client.request("GET", where, timeout=30)
    finally:
        await client.close()
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise OSError(f"{scheduler}{where}: {reply.status} {reply.body.decode(errors='replace').strip()}")
    found: Mapping[str, Any] = orjson.loads(reply.body)
    return found


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def decided(decision: Mapping[str, Any]) -> list[str]:
    """The decision in words, the best nodes first."""
    nodes, verdicts = decision.get("nodes") or {}, node_verdicts(decision)
    node = decision.get("node")
    if node is None:
        first = f"The scheduler found no node at {decision.get('time')}: {decision.get('message')}"
    else:
        count = f"{decision.get('feasible')} of {len(nodes)} nodes would do"
        first = f"The scheduler chose node {node} at {decision.get('time')}: {count}."
    told = [first, *(f"node {verdict}" for verdict in verdicts[:MOST_NODES])]
    if len(verdicts) > MOST_NODES:
        told.append(f"… and {len(verdicts) - MOST_NODES} more nodes.")
    return told
