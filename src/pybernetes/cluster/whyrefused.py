"""Why a request was refused: what the ledger remembers of it, and for a refusal by RBAC what its author may do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.apiserver.ledger import Entry
from pybernetes.apiserver.user import AUTHENTICATED, split_service_account
from pybernetes.client.interface import Client

from .naming import Target

MOST = 3
MOST_BINDINGS = 8
OF_EVERYBODY = ("system:discovery", "system:basic-user", "system:public-info-viewer")
"""Roles that all users have."""


async def why_refused(client: Client, target: Target, entries: Iterable[Entry]) -> list[str]:
    """The last refused writes of the object. Raises nothing for bindings that may not be read."""
    found = [e for e in entries if e.code >= 400 and e.code != 409 and is_about(e, target)]
    told: list[str] = []
    for entry in found[-MOST:]:
        text = f"{entry.user} was refused to {entry.verb} it ({entry.code}): {entry.message}"
        if text in told:
            continue
        told.append(text)
        if allowed := _verdict(entry, "authorize: "):
            if entry.code in (400, 403, 422):
                told.append(f"It was let in ({allowed}); validation or an admission plugin refused it.")
        elif entry.code == 403:
            told += await _rights(client, entry)
    return told


def why_gone(target: Target, entries: Iterable[Entry]) -> list[str]:
    """Who deleted it."""
    deleted = [e for e in entries if e.verb == "delete" and e.code < 400 and is_about(e, target)]
    told = []
    for entry in deleted[-1:]:
        reaction = entry.reaction
        reason = f", because {reaction.reason} ({reaction.kind} {reaction.name})" if reaction else ""
        told.append(f"{entry.user} deleted it at revision {entry.revision}{reason}.")
    return told


def is_about(entry: Entry, target: Target) -> bool:
    kind = target.kind
    return (entry.group, entry.resource) == (kind.group, kind.plural) and (
        (entry.namespace, entry.name) in ((target.namespace, target.name), (target.namespace, ""))
    )


def _verdict(entry: Entry, stage: str) -> str:
    return next((each.removeprefix(stage) for each in entry.verdicts if each.startswith(stage)), "")


async def _rights(client: Client, entry: Entry) -> list[str]:
    """What the author is bound to, so that one sees which rule is missing where."""
    groups = _groups(entry)
    bound: list[str] = []
    with contextlib.suppress(ApiError):
        everywhere = (await client.list(kinds.CLUSTERROLEBINDING)).items
        here = (await client.list(kinds.ROLEBINDING, entry.namespace)).items if entry.namespace else []
        bound = [
            _said(binding)
            for binding in (*everywhere, *here)
            if any(_is_of(subject, entry.user, groups) for subject in binding.get("subjects") or ())
            and binding["roleRef"]["name"] not in OF_EVERYBODY
        ]
    group = f".{entry.group}" if entry.group else ""
    what = (
        f'"{entry.verb}" on "{entry.resource}{f"/{entry.subresource}" if entry.subresource else ""}{group}"'
    )
    where = f" in namespace {entry.namespace}" if entry.namespace else ""
    if not bound:
        return [f"No role is bound to {entry.user}: it needs a rule with {what}{where}."]
    return [f"None of its roles has a rule with {what}{where}; it has: {', '.join(bound[:MOST_BINDINGS])}."]


def _groups(entry: Entry) -> Sequence[str]:
    _, _, words = _verdict(entry, "authenticate: ").partition("groups ")
    return [AUTHENTICATED, *(word for word in words.split(", ") if word)]


def _is_of(subject: Obj, user: str, groups: Sequence[str]) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in groups
    if subject["kind"] == "User":
        return bool(subject["name"] == user)
    return (subject.get("namespace"), subject["name"]) == split_service_account(user)


def _said(binding: Obj) -> str:
    reference, space = binding["roleRef"], namespace_of(binding)
    where = f" in {space}" if space else ""
    return f"{reference['kind']} {reference['name']} (by {binding['kind']} {name_of(binding)}{where})"
