"""What really happened to an object: the writes about it and about what followed from it, told from the ledger.

Pure: from the ledger's entries (`storyselection.py` chooses them) and what else was read (`storyreading.py`) to steps.
A step is a write, a decision's verdicts, a kubelet's event, or what kube-proxy and DNS make of a write.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.apiserver.ledger import Entry

SERVICE_ACCOUNT = "system:serviceaccount:kube-system:"
AUTHENTICATE, AUTHORIZE = "authenticate: ", "authorize: "
INDENT = " " * 32


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a component that writes nothing makes of a write: rules, records."""

    who: str
    did: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `since` is in seconds from the first step; `revision` 0 where nothing was stored.

    `authentication` and `authorization` say how its author was known and what allowed it; `admission` which steps of
    admission changed the object, and how; `decision` is the scheduler's, node by node.
    """

    time: float
    since: float
    revision: int
    who: str
    did: str
    because: str = ""
    outcome: str = ""
    authentication: str = ""
    authorization: str = ""
    admission: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    decision: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Known:
    """What was read beside the ledger, by what it belongs to."""

    changed: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Revision -> what it changed."""
    events: Mapping[tuple[str, str], Obj] = field(default_factory=dict)
    """(namespace, name) -> the Event."""
    decisions: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """(namespace, pod) -> the scheduler's decision."""
    consequences: Mapping[int, Sequence[Consequence]] = field(default_factory=dict)
    """Revision -> what followed at once."""


class Story(tuple[Step, ...]):
    """The steps in order; as text a line for each, and below it what was because of what, and what changed."""

    __slots__ = ()

    def __str__(self) -> str:
        """How an author was let in is told where it first acts."""
        told: set[tuple[str, str, str]] = set()
        return "\n".join(line for step in self for line in _lines(step, told))

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self]


def tell(entries: Sequence[Entry], known: Known) -> Story:
    """The story of selected entries."""
    began = entries[0].time if entries else 0.0
    steps = []
    for entry in entries:
        since = entry.time - began
        event = known.events.get((entry.namespace, entry.name)) if entry.resource == "events" else None
        if event is not None:
            steps.append(_of_event(entry, since, event))
            continue
        steps.append(_of_write(entry, since, known))
        following = known.consequences.get(entry.revision, ()) if entry.revision else ()
        steps += [
            Step(entry.time, since, entry.revision, each.who, each.did, changed=each.lines)
            for each in following
        ]
    return Story(steps)


def _of_write(entry: Entry, since: float, known: Known) -> Step:
    decision = known.decisions.get((entry.namespace, entry.name)) if entry.subresource == "binding" else None
    return Step(
        entry.time,
        since,
        entry.revision,
        _who(entry),
        _did(entry),
        _because(entry),
        "" if entry.code < 400 else f"refused ({entry.code}): {entry.message}",
        _verdict(entry, AUTHENTICATE),
        _verdict(entry, AUTHORIZE),
        entry.admitted.told() if entry.admitted is not None else (),
        tuple(known.changed.get(entry.revision, ())) if entry.revision else (),
        decision,
    )


def _of_event(entry: Entry, since: float, event: Obj) -> Step:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or entry.user
    host = source.get("host") or ""
    about = event["involvedObject"]
    what = f"{about['kind'].lower()}/{about['name']}"
    message = event.get("message") or ""
    return Step(
        entry.time,
        since,
        entry.revision,
        f"{component} on {host}" if host else component,
        f"event {event.get('reason', '')} of {what}",
        changed=(message,) if message else (),
    )


def _verdict(entry: Entry, stage: str) -> str:
    return next((each.removeprefix(stage) for each in entry.verdicts if each.startswith(stage)), "")


def _who(entry: Entry) -> str:
    who = entry.user.removeprefix(SERVICE_ACCOUNT)
    return f"{entry.impersonated_by} as {who}" if entry.impersonated_by else who


def _did(entry: Entry) -> str:
    what = f"{entry.resource}/{entry.name}" if entry.name else entry.resource
    what += f" {entry.subresource}" if entry.subresource else ""
    verb = "create" if entry.verb == "patch" and entry.code == 201 else entry.verb
    where = f" in {entry.namespace}" if entry.namespace not in ("", "default") else ""
    return f"{verb} {what}{where}"


def _because(entry: Entry) -> str:
    reaction = entry.reaction
    if reaction is None:
        return ""
    seen = f"{reaction.kind.lower()}/{reaction.name}"
    seen += f"@{reaction.resource_version}" if reaction.resource_version else ""
    return f"{reaction.reason} (saw {seen})" if reaction.reason else f"saw {seen}"


def _lines(step: Step, told: set[tuple[str, str, str]]) -> list[str]:
    revision = f"@{step.revision}" if step.revision else "-"
    lines = [f"{clock(step.time)} +{step.since:<9.3f} {revision:<7} {step.who:<32} {step.did}"]
    way = (step.who, step.authentication, step.authorization)
    if step.authentication and way not in told:
        told.add(way)
        allowed = f"; {step.authorization}" if step.authorization else ""
        lines.append(f"{INDENT}authenticated by {step.authentication}{allowed}")
    if step.outcome:
        lines.append(f"{INDENT}{step.outcome}")
    if step.because:
        lines.append(f"{INDENT}because {step.because}")
    lines += [f"{INDENT}admission {each}" for each in step.admission]
    if step.decision is not None:
        lines += [f"{INDENT}{verdict}" for verdict in node_verdicts(step.decision)]
    lines += [f"{INDENT}{change}" for change in step.changed]
    return lines


def node_verdicts(decision: Mapping[str, Any]) -> list[str]:
    """A decision node by node, the best first: `node2: 598 = TaintToleration 300 + …`, `node1: refused by …`."""
    nodes = decision.get("nodes") or {}

    def order(item: tuple[str, Any]) -> tuple[int, str]:
        return -int(item[1].get("total") or 0), item[0]

    return [f"{name}: {_node_verdict(verdict)}" for name, verdict in sorted(nodes.items(), key=order)]


def _node_verdict(verdict: Mapping[str, Any]) -> str:
    if refused := verdict.get("refused"):
        reasons = (f"{each['plugin']}: {each['reason']}" for each in refused)
        return f"refused by {'; '.join(reasons)}"
    if scores := verdict.get("scores"):
        return (
            f"{verdict.get('total')} = {' + '.join(f'{plugin} {score}' for plugin, score in scores.items())}"
        )
    return "feasible"


def clock(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
