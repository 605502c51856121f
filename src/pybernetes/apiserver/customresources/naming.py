"""Which names a CustomResourceDefinition gets: those that no other definition of its group has (upstream's
`NamingConditionController`), and with them whether it is established. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.apiextensions.conditions import is_true, with_condition
from pybernetes.api.meta import MutableObj, Obj


def named(crd: Obj, others: Iterable[Obj], now: float) -> Obj:
    """The status of `crd` with its names accepted or not. `others` are the other definitions of the same group, as
    they are at this moment."""
    status: MutableObj = dict(crd.get("status") or {})
    names, accepted = crd["spec"]["names"], status.get("acceptedNames") or {}
    resources: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        theirs = (other.get("status") or {}).get("acceptedNames") or {}
        known = [theirs.get("plural"), theirs.get("singular"), *(theirs.get("shortNames") or ())]
        resources.update(name for name in known if name)
        kinds.update(name for name in (theirs.get("kind"), theirs.get("listKind")) if name)
    new = dict(accepted)
    refusals: list[tuple[str, str]] = []
    for field, reason in (("plural", "PluralConflict"), ("singular", "SingularConflict")):
        _take(new, field, names.get(field, ""), resources, reason, refusals)
    wanted = list(names.get("shortNames") or ())
    taken = sorted(name for name in wanted if name in resources)
    if not taken:
        _set(new, "shortNames", wanted)
    else:
        text = ", ".join(f'"{name}" is already in use' for name in taken)
        refusals.append(("ShortNamesConflict", text if len(taken) == 1 else f"[{text}]"))
    for field, reason in (("kind", "KindConflict"), ("listKind", "ListKindConflict")):
        _take(new, field, names.get(field, ""), kinds, reason, refusals)
    _set(new, "categories", list(names.get("categories") or ()))
    status["acceptedNames"] = new
    if refusals:
        reason, message = refusals[-1]
        status = with_condition(status, "NamesAccepted", "False", reason, message, now)
        if not is_true({"status": status}, "Established"):
            status = with_condition(
                status, "Established", "False", "NotAccepted", "not all names are accepted", now
            )
        return status
    return with_condition(status, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now)


def established(status: Obj, now: float) -> Obj:
    """The status once the resource is served."""
    return with_condition(
        status,
        "Established",
        "True",
        "InitialNamesAccepted",
        "the initial names have been accepted",
        now,
    )


def _take(
    new: MutableObj, field: str, wanted: str, taken: set[str], reason: str, refusals: list[tuple[str, str]]
) -> None:
    if wanted in taken:
        refusals.append((reason, f'"{wanted}" is already in use'))
        new.setdefault(field, "")
    else:
        new[field] = wanted


def _set(new: MutableObj, field: str, values: list[str]) -> None:
    if values:
        new[field] = values
    else:
        new.pop(field, None)
