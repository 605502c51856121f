"""Why an object is as it is: answers from its own state, its neighbours, its events, the scheduler and the ledger.

`why` reads through a `Reader`, so that it also works on a cluster that is not ours (without the ledger's part). What is
particular to pods, to deletion, to kinds and to refusals is in the modules `why….py` beside this one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, NotFound
from pybernetes.api.kinds import KINDS
from pybernetes.api.meta import Obj, namespace_of, uid_of
from pybernetes.apiserver.ledger import Entry
from pybernetes.client.interface import Client

from .naming import Target
from .storyreading import Reader
from .whydeletion import uses, why_terminating
from .whykinds import BY_KIND, why_claim, why_other
from .whypods import why_pod
from .whyrefused import why_gone, why_refused

MOST_EVENTS = 3


async def why(reader: Reader, target: Target, entries: Iterable[Entry] = ()) -> list[str]:
    """Sentences, the most telling first. Raises ApiError."""
    entries, client = [*entries], reader.client
    try:
        obj = await client.get(target.kind, target.name, target.namespace)
    except NotFound:
        gone = why_gone(target, entries) or await why_refused(client, target, entries)
        return [f"{target} is not there.", *gone]
    told = await why_terminating(client, target.kind, obj, reader.kinds)
    if target.kind.kind == "Pod" and not target.kind.group:
        told += await _why_pod(reader, obj)
    else:
        built_in = target.kind in KINDS or any(target.kind.group == kind.group for kind in KINDS)
        explain = BY_KIND.get(target.kind.kind, why_other) if built_in else why_other
        told += await explain(client, obj)
    told += await _owners(reader, obj)
    told += await _warnings(client, obj)
    told = told or await why_refused(client, target, entries)
    return told or [f"{target} has nothing wrong with it that its state would tell."]


async def _why_pod(reader: Reader, pod: Obj) -> list[str]:
    decision = None
    if not pod["spec"].get("nodeName"):
        with contextlib.suppress(ApiError):
            decision = await reader.decision(namespace_of(pod), pod["metadata"]["name"])
    told = why_pod(pod, decision)
    if not pod["spec"].get("nodeName"):
        with contextlib.suppress(ApiError):
            for claim in (await reader.client.list(kinds.PERSISTENTVOLUMECLAIM, namespace_of(pod))).items:
                name = claim["metadata"]["name"]
                if uses(pod, name) and (claim.get("status") or {}).get("phase") != "Bound":
                    words = [w for w in await why_claim(reader.client, claim) if "has a node" not in w]
                    told += [f"persistentvolumeclaim/{name}: {text}" for text in words]
    return told


async def _owners(reader: Reader, obj: Obj) -> list[str]:
    """Owners that are not there: the garbage collector deletes what has only such."""
    told = []
    for owner in obj["metadata"].get("ownerReferences") or ():
        kind = next(
            (k for k in reader.kinds if (k.api_version, k.kind) == (owner["apiVersion"], owner["kind"])), None
        )
        name = f"{owner['kind'].lower()}/{owner['name']}"
        if kind is None:
            told.append(
                f"Its owner {name} is of a kind that the cluster does not serve ({owner['apiVersion']})."
            )
            continue
        try:
            found = await reader.client.get(kind, owner["name"], namespace_of(obj) if kind.namespaced else "")
        except NotFound:
            told.append(f"Its owner {name} is gone: the garbage collector is to delete it.")
        except ApiError:
            continue  # not for us to see
        else:
            if uid_of(found) != owner["uid"]:
                told.append(f"Its owner {name} is another one now (uid {uid_of(found)}, not {owner['uid']}).")
    return told


async def _warnings(client: Client, obj: Obj) -> list[str]:
    """The latest Warning events about it."""
    found: Sequence[Obj] = ()
    with contextlib.suppress(ApiError):
        fields = f"involvedObject.uid={uid_of(obj)},type=Warning"
        found = (await client.list(kinds.EVENT, namespace_of(obj) or "default", fields=fields)).items
    latest: dict[tuple[str, str], Obj] = {}
    for event in sorted(found, key=_at):
        latest[event.get("reason", ""), event.get("message", "")] = event
    return [_warning(event) for event in [*latest.values()][-MOST_EVENTS:]]


def _at(event: Obj) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _warning(event: Obj) -> str:
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or "somebody"
    count = event.get("count") or 1
    times = f" ({count} times)" if count > 1 else ""
    return f"{source} warned at {_at(event)}{times}: {event.get('reason')}: {event.get('message')}"
