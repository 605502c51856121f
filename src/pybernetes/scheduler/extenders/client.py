"""One HTTP extender: its verbs as calls. Keys are capitalised, as upstream's types without JSON names are."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pybernetes.api.meta import Obj, name_of, namespace_of, uid_of
from pybernetes.wire.http.client import HttpClient

from ..configuration.types import Extender
from ..preemption.candidate import Candidate


class ExtenderError(Exception):
    """An extender gave no answer, or an error. The message names its URL."""


async def ask(extender: Extender, verb: str, body: Any) -> Any:
    """The answer to one call. Raises ExtenderError."""
    url = f"{extender.url_prefix}/{verb}"
    try:
        client = HttpClient(
            tls=_tls(extender) if url.startswith("https:") else None,
            server_hostname=extender.tls.get("serverName") or None,
        )
    except (OSError, ValueError) as error:
        raise ExtenderError(f"extender {url}: {error}") from error
    try:
        async with asyncio.timeout(extender.seconds):
            reply = await client.request(
                "POST", url, body=orjson.dumps(body), headers={"Content-Type": "application/json"}
            )
        if reply.status != 200:
            raise ExtenderError(
                f"failed {verb} with extender at URL {extender.url_prefix}, code {reply.status}"
            )
        return orjson.loads(reply.body)
    except TimeoutError:
        raise ExtenderError(f"extender {url}: no answer within {extender.seconds:g} s") from None
    except (OSError, ValueError) as error:
        raise ExtenderError(f"extender {url}: {error}") from error
    finally:
        await client.close()


def _tls(extender: Extender) -> ssl.SSLContext:
    """Raises OSError, ValueError where what the configuration names cannot be used."""
    given = extender.tls
    ca = base64.b64decode(given.get("caData") or "").decode() or None
    context = ssl.create_default_context(cafile=given.get("caFile") or None, cadata=ca)
    # Upstream's rule: where HTTPS is merely enabled, without a CA, anybody is trusted.
    if given.get("insecure") or (extender.https and not ca and not given.get("caFile")):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = (_file(given, name, Path(directory)) for name in ("cert", "key"))
        if certificate:
            context.load_cert_chain(certificate, key)
    return context


def _file(given: Mapping[str, Any], name: str, directory: Path) -> str:
    """The file of a certificate or a key; what is given in base64 is written for a moment, since `ssl` reads files."""
    data = given.get(f"{name}Data")
    if not data:
        return str(given.get(f"{name}File") or "")
    path = directory / name
    path.touch(0o600)
    path.write_bytes(base64.b64decode(data))
    return str(path)


def _of(answer: Any, name: str) -> Any:
    """A field of an answer, whatever the case of its name (Go's decoder does not care)."""
    if not isinstance(answer, Mapping):
        return None
    return next((value for key, value in answer.items() if key.lower() == name.lower()), None)


def _nonsense(extender: Extender, verb: str, answer: Any) -> ExtenderError:
    return ExtenderError(f"extender {extender.url_prefix}/{verb}: not an answer: {str(answer)[:200]}")


def _arguments(extender: Extender, pod: Obj, names: Sequence[str], nodes: Mapping[str, Obj]) -> Any:
    body: dict[str, Any] = {"Pod": pod, "Nodes": None, "NodeNames": None}
    if extender.node_cache_capable:
        body["NodeNames"] = list(names)
    else:
        body["Nodes"] = {"items": [nodes[name] for name in names if name in nodes]}
    return body


async def filter_nodes(
    extender: Extender, pod: Obj, names: Sequence[str], nodes: Mapping[str, Obj]
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """(the nodes it lets pass, those it refuses with the reason, those that nothing can help). Raises ExtenderError."""
    verb = extender.filter_verb
    answer = await ask(extender, verb, _arguments(extender, pod, names, nodes))
    if not isinstance(answer, Mapping):
        raise _nonsense(extender, verb, answer)
    if error := _of(answer, "Error"):
        raise ExtenderError(str(error))
    try:
        if extender.node_cache_capable and _of(answer, "NodeNames") is not None:
            left = [str(name) for name in _of(answer, "NodeNames")]
        else:
            left = [name_of(node) for node in _of(_of(answer, "Nodes"), "items") or ()]
        failed = dict(_of(answer, "FailedNodes") or {})
        hopeless = dict(_of(answer, "FailedAndUnresolvableNodes") or {})
    except (TypeError, ValueError, KeyError, AttributeError):
        raise _nonsense(extender, verb, answer) from None
    known = set(names)
    if unknown := [name for name in left if name not in known]:
        raise ExtenderError(
            f'extender "{extender.url_prefix}" claims a filtered node "{unknown[0]}" which is not found in the input '
            "node list"
        )
    return left, failed, hopeless


async def prioritize(
    extender: Extender, pod: Obj, names: Sequence[str], nodes: Mapping[str, Obj]
) -> dict[str, int]:
    """Its scores (0 to 10) by node. Raises ExtenderError."""
    verb = extender.prioritize_verb
    answer = await ask(extender, verb, _arguments(extender, pod, names, nodes))
    try:
        return {str(_of(each, "Host")): int(_of(each, "Score") or 0) for each in answer or ()}
    except (TypeError, ValueError):
        raise _nonsense(extender, verb, answer) from None


async def preempt(
    extender: Extender, pod: Obj, candidates: Sequence[Candidate], placed: Callable[[str], Obj | None]
) -> list[Candidate]:
    """The candidates it agrees to; `placed` gives the pod of a uid. Raises ExtenderError."""
    body: dict[str, Any] = {"Pod": pod, "NodeNameToVictims": None, "NodeNameToMetaVictims": None}
    if extender.node_cache_capable:
        body["NodeNameToMetaVictims"] = {
            each.node: {"Pods": [{"UID": v.uid} for v in each.victims], "NumPDBViolations": each.violations}
            for each in candidates
        }
    else:
        body["NodeNameToVictims"] = {
            each.node: {
                "Pods": [placed(v.uid) for v in each.victims],
                "NumPDBViolations": each.violations,
            }
            for each in candidates
        }
    answer = await ask(extender, extender.preempt_verb, body)
    agreed = _of(answer, "NodeNameToMetaVictims") or {}
    kept = []
    try:
        for each in candidates:
            if each.node in agreed:
                uids = {str(_of(p, "UID")) for p in _of(agreed[each.node], "Pods") or ()}
                chosen = tuple(victim for victim in each.victims if victim.uid in uids)
                violations = int(_of(agreed[each.node], "NumPDBViolations") or 0)
                kept.append(Candidate(each.node, chosen, violations))
    except (TypeError, ValueError):
        raise _nonsense(extender, extender.preempt_verb, answer) from None
    return kept


async def bind(extender: Extender, pod: Obj, node: str) -> None:
    """Has the extender write the binding. Raises ExtenderError."""
    body = {"PodName": name_of(pod), "PodNamespace": namespace_of(pod), "PodUID": uid_of(pod), "Node": node}
    answer = await ask(extender, extender.bind_verb, body)
    if error := _of(answer, "Error"):
        raise ExtenderError(str(error))
