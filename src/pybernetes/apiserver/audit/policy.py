"""The audit policy: which requests are logged, and how fully. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pybernetes.api.errors import BadRequest
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import Obj

from ..bodies import decode_yaml
from ..requestinfo import RequestInfo
from ..user import User

API_VERSION = "audit.k8s.io/v1"
NONE, METADATA, REQUEST, REQUEST_RESPONSE = LEVELS = ("None", "Metadata", "Request", "RequestResponse")
RECEIVED, STARTED, COMPLETE, PANIC = STAGES = (
    "RequestReceived",
    "ResponseStarted",
    "ResponseComplete",
    "Panic",
)
FIELDS = frozenset({"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"})
RULE_FIELDS = frozenset(
    {
        "level",
        "users",
        "userGroups",
        "verbs",
        "resources",
        "namespaces",
        "nonResourceURLs",
        "omitStages",
        "omitManagedFields",
    }
)


class BadPolicy(ValueError):
    """The policy is none; the message names the field."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one request is logged."""

    level: str = NONE
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order: the first that matches decides. What none matches is not logged."""

    rules: tuple[Obj, ...]
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False

    def treatment(self, user: User, info: RequestInfo) -> Treatment:
        """What the first matching rule says."""
        for rule in self.rules:
            if _matches(rule, user, info):
                omitted = rule.get("omitManagedFields")
                return Treatment(
                    rule["level"],
                    self.omit_stages | frozenset(rule.get("omitStages") or ()),
                    self.omit_managed_fields if omitted is None else bool(omitted),
                )
        return Treatment()


def parse(text: bytes) -> Policy:
    """Reads a policy from YAML or JSON. Raises BadPolicy."""
    try:
        tree = decode_yaml(text, "")
    except BadRequest as error:
        raise BadPolicy(f"failed decoding: {error.message}") from error
    if not isinstance(tree, dict):
        raise BadPolicy("failed decoding: the policy must be an object")
    if (tree.get("apiVersion"), tree.get("kind")) != (API_VERSION, "Policy"):
        raise BadPolicy(
            f"failed decoding: apiVersion and kind must be {API_VERSION} and Policy, "
            f"not {tree.get('apiVersion', '')} and {tree.get('kind', '')}"
        )
    errors = FieldErrors()
    _check_fields(tree, FIELDS, errors)
    _check_stages(tree, errors)
    rules = tree.get("rules") or []
    if not isinstance(rules, list):
        errors.invalid(rules, "must be a list", "rules")
        rules = []
    for index, rule in enumerate(rules):
        _check_rule(rule, errors.at("rules", index))
    if errors:
        lines = list(errors)
        raise BadPolicy(lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]")
    if not rules:
        raise BadPolicy("loaded illegal policy with 0 rules")
    return Policy(tuple(rules), frozenset(tree.get("omitStages") or ()), bool(tree.get("omitManagedFields")))


def _check_fields(tree: Any, known: Collection[str], errors: FieldErrors) -> None:
    for field in tree:
        if field not in known:
            errors.at(str(field)).forbidden("unknown field")


def _check_stages(tree: Obj, errors: FieldErrors) -> None:
    for index, stage in enumerate(tree.get("omitStages") or ()):
        if stage not in STAGES:
            errors.at("omitStages", index).invalid(stage, f"allowed stages are {', '.join(STAGES)}")


def _check_rule(rule: Any, errors: FieldErrors) -> None:
    if not isinstance(rule, dict):
        errors.invalid(rule, "must be an object")
        return
    _check_fields(rule, RULE_FIELDS, errors)
    level = rule.get("level")
    if not level:
        errors.required("level")
    elif level not in LEVELS:
        errors.not_supported(level, list(LEVELS), "level")
    _check_stages(rule, errors)
    for field in ("users", "userGroups", "verbs", "namespaces", "nonResourceURLs"):
        given = rule.get(field)
        if given is not None and not (
            isinstance(given, list) and all(isinstance(each, str) for each in given)
        ):
            errors.invalid(given, "must be a list of strings", field)
            return
    for index, url in enumerate(rule.get("nonResourceURLs") or ()):
        _check_url(url, errors.at("nonResourceURLs", index))
    if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
        errors.invalid(
            rule["nonResourceURLs"],
            "rules cannot apply to both regular resources and non-resource URLs",
            "nonResourceURLs",
        )
    for index, resources in enumerate(rule.get("resources") or ()):
        _check_resources(resources, errors.at("resources", index))


def _check_url(url: str, errors: FieldErrors) -> None:
    if url == "*":
        return
    if not url.startswith("/"):
        errors.invalid(url, "non-resource URL rules must begin with a '/' character")
    if "*" in url[:-1]:
        errors.invalid(url, "non-resource URL wildcards '*' must be the final character of the rule")


def _check_resources(resources: Any, errors: FieldErrors) -> None:
    if not isinstance(resources, dict):
        errors.invalid(resources, "must be an object with group, resources and resourceNames")
        return
    _check_fields(resources, ("group", "resources", "resourceNames"), errors)
    if "/" in (resources.get("group") or ""):
        errors.invalid(resources["group"], "group must not have a version", "group")
    if resources.get("resourceNames") and not resources.get("resources"):
        errors.invalid(
            list(resources["resourceNames"]),
            "using resourceNames requires at least one resource",
            "resourceNames",
        )


# ---- matching


def _matches(rule: Obj, user: User, info: RequestInfo) -> bool:
    if (users := rule.get("users")) and user.name not in users:
        return False
    if (groups := rule.get("userGroups")) and not any(group in groups for group in user.groups):
        return False
    if (verbs := rule.get("verbs")) and info.verb not in verbs:
        return False
    if rule.get("namespaces") or rule.get("resources"):
        return info.is_resource and _matches_resource(rule, info)
    if urls := rule.get("nonResourceURLs"):
        return not info.is_resource and _matches_path(urls, info.path)
    return True


def _matches_resource(rule: Obj, info: RequestInfo) -> bool:
    if (namespaces := rule.get("namespaces")) and info.namespace not in namespaces:
        return False
    if not rule.get("resources"):
        return True
    combined = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    forms = {combined, "*"}
    if info.subresource:
        forms |= {f"{info.resource}/*", f"*/{info.subresource}"}
    for given in rule["resources"]:
        if (given.get("group") or "") != info.group:
            continue
        resources: Sequence[str] = given.get("resources") or ()
        if not resources:
            return True
        names = given.get("resourceNames") or ()
        if any(each in forms for each in resources) and (not names or info.name in names):
            return True
    return False


def _matches_path(urls: Sequence[str], path: str) -> bool:
    return any(url == path or (url.endswith("*") and path.startswith(url[:-1])) for url in urls)
