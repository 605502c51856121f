"""Which address families a Service gets: what the client says, what it had, and what the cluster has (upstream's rules).

Pure: fills in the spec of a Service that is about to be stored, or raises Invalid.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.core.service_addresses import family_of, is_headless, validate_addresses
from pybernetes.api.errors import Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj, name_of

SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}
FOR_SEVERAL = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"


def complete_families(tree: MutableObj, old: Obj | None, configured: Sequence[str]) -> None:
    """Fills in `ipFamilyPolicy` and `ipFamilies`, and takes the second address and family from a Service that is made
    single-stack. `configured` are the cluster's families, its default first. Raises Invalid."""
    spec, before = tree["spec"], (old or {}).get("spec") or {}
    if spec.get("type") == "ExternalName" or stays_as_it_is(spec, before):
        return
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = _default_policy(spec, before)
    errors = FieldErrors()
    at = errors.at("spec")
    validate_addresses(spec, before, at)
    refuse(tree, errors)
    if before and spec["ipFamilyPolicy"] == SINGLE:
        _release_second(spec, before)
    elif before:
        _keep_second(spec, before, at)
    if spec["ipFamilyPolicy"] == SINGLE:
        for field, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
            if len(spec.get(field) or ()) == 2:
                at.invalid(SINGLE, FOR_SEVERAL.format(what), "ipFamilyPolicy")
    families = _inferred(spec, configured, at)
    refuse(tree, errors)
    if is_headless(spec) and not spec.get("selector"):
        # Its endpoints are the client's: they may be of any family, whatever the cluster has.
        families = families or [configured[0]]
        if len(families) == 1 and spec["ipFamilyPolicy"] != SINGLE:
            families = [*families, OTHER[families[0]]]
        spec["ipFamilies"] = families
        return
    if spec["ipFamilyPolicy"] == REQUIRE and len(configured) < 2:
        at.invalid(REQUIRE, "this cluster is not configured for dual-stack services", "ipFamilyPolicy")
    for index, family in enumerate(families):
        if family not in configured:
            at.at("ipFamilies", index).invalid(family, "not configured on this cluster")
    refuse(tree, errors)
    families = families or [configured[0]]
    if spec["ipFamilyPolicy"] != SINGLE and len(families) == 1 and len(configured) == 2:
        families = [*families, OTHER[families[0]]]
    spec["ipFamilies"] = families


def stays_as_it_is(spec: Obj, before: Obj) -> bool:
    """Whether nothing is asked of a Service that prefers two families and did before: it neither gains nor loses one
    only because the cluster has changed."""
    return bool(
        before
        and before.get("type") != "ExternalName"
        and spec.get("ipFamilyPolicy") == before.get("ipFamilyPolicy") == PREFER
        and _same("clusterIPs", spec, before)
        and _same("ipFamilies", spec, before)
    )


def refuse(tree: Obj, errors: FieldErrors) -> None:
    """Raises Invalid where there are errors."""
    if not errors:
        return
    lines = list(errors)
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    name = name_of(tree)
    raise Invalid(f'Service "{name}" is invalid: {text}', kind="Service", name=name, causes=errors.causes)


def _default_policy(spec: Obj, before: Obj) -> str:
    if before.get("ipFamilyPolicy"):
        return str(before["ipFamilyPolicy"])
    return REQUIRE if is_headless(spec) and not spec.get("selector") else SINGLE


def _release_second(spec: MutableObj, before: Obj) -> None:
    """Who makes a Service single-stack and leaves the rest alone means the first of each."""
    for field in ("clusterIPs", "ipFamilies"):
        given = spec.get(field) or []
        if given == (before.get(field) or []) and len(given) > 1:
            spec[field] = given[:1]


def _keep_second(spec: Obj, before: Obj, at: FieldErrors) -> None:
    """Only a Service that is made single-stack gives up its second address."""
    for field, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        was: Sequence[str] = before.get(field) or ()
        now: Sequence[str] = spec.get(field) or ()
        if len(was) == 2 and len(now) == 1 and was[0] == now[0]:
            why = f"must be 'SingleStack' to release the secondary {what}"
            at.invalid(spec["ipFamilyPolicy"], why, "ipFamilyPolicy")


def _inferred(spec: Obj, configured: Sequence[str], at: FieldErrors) -> list[str]:
    """The families that are given, and those of addresses beyond them."""
    families = [*(spec.get("ipFamilies") or ())]
    given = spec.get("clusterIPs") or ()
    for index, text in enumerate(given):
        if text == "None":
            break
        if index >= len(families):
            family = family_of(text)
            if family in configured:
                families.append(family)
            else:
                at.at("clusterIPs", index).invalid(given, f"{family} is not configured on this cluster")
    return families


def _same(field: str, spec: Obj, before: Obj) -> bool:
    return (spec.get(field) or []) == (before.get(field) or [])
