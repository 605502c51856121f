"""FlowSchemas: which requests belong to which priority level."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.lang import names

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, name_of
from ..validation.metadata import without_status
from .mandatory import EXEMPT, MANDATORY_SCHEMAS
from .status import validate_status, validate_status_update

DEFAULT_PRECEDENCE, HIGHEST_PRECEDENCE = 1000, 10000
DISTINGUISHERS = ["ByNamespace", "ByUser"]
SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
"""Kind -> the field that is of it alone."""
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"]


def default(schema: MutableObj) -> None:
    spec = schema.setdefault("spec", {})
    spec["matchingPrecedence"] = spec.get("matchingPrecedence") or DEFAULT_PRECEDENCE


def validate(schema: Obj, errors: FieldErrors) -> None:
    spec, at = schema.get("spec") or {}, errors.at("spec")
    name = schema["metadata"].get("name", "")
    _validate_spec(name, spec, at)
    if name in MANDATORY_SCHEMAS and spec != MANDATORY_SCHEMAS[name]:
        at.invalid(spec, f"spec of '{name}' must equal the fixed value")
    validate_status(schema, errors)


def _validate_spec(name: str, spec: Obj, errors: FieldErrors) -> None:
    precedence = spec.get("matchingPrecedence") or 0
    if precedence <= 0:
        errors.invalid(precedence, "must be a positive value", "matchingPrecedence")
    if precedence > HIGHEST_PRECEDENCE:
        errors.invalid(precedence, f"must not be greater than {HIGHEST_PRECEDENCE}", "matchingPrecedence")
    if precedence == 1 and name != EXEMPT:
        errors.invalid(
            precedence, "only the schema named 'exempt' may have matchingPrecedence 1", "matchingPrecedence"
        )
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in DISTINGUISHERS:
        errors.at("distinguisherMethod").not_supported(
            {"Type": method.get("type", "")}, DISTINGUISHERS, "type"
        )
    level, at = dig(spec, "priorityLevelConfiguration", "name") or "", errors.at("priorityLevelConfiguration")
    if not level:
        at.required("name", "must reference a priority level")
    for message in names.dns1123_subdomain(level) if level else ():
        at.invalid(level, message, "name")
    for index, rule in enumerate(spec.get("rules") or ()):
        _validate_rule(rule, errors.at("rules", index))


def _validate_rule(rule: Obj, errors: FieldErrors) -> None:
    subjects = rule.get("subjects") or ()
    if not subjects:
        errors.required("subjects", "subjects must contain at least one value")
    for index, subject in enumerate(subjects):
        _validate_subject(subject, errors.at("subjects", index))
    resource_rules, url_rules = rule.get("resourceRules") or (), rule.get("nonResourceRules") or ()
    if not resource_rules and not url_rules:
        errors.required("", "at least one of resourceRules and nonResourceRules has to be non-empty")
    for index, each in enumerate(resource_rules):
        _validate_resource_rule(each, errors.at("resourceRules", index))
    for index, each in enumerate(url_rules):
        _validate_url_rule(each, errors.at("nonResourceRules", index))


def _validate_subject(subject: Obj, errors: FieldErrors) -> None:
    kind = subject.get("kind") or ""
    if kind not in SUBJECTS:
        errors.not_supported(kind, list(SUBJECTS), "kind")
        return
    named, at = subject.get(SUBJECTS[kind]), errors.at(SUBJECTS[kind])
    if named is None:
        at.required("", f"{SUBJECTS[kind]} is required when subject kind is '{kind}'")
    else:
        _validate_named(kind, named, at)
    for other in ("ServiceAccount", "User", "Group"):
        field = SUBJECTS[other]
        if other != kind and subject.get(field) is not None:
            errors.forbidden(f"{field} is forbidden when subject kind is not '{other}'", field)


def _validate_named(kind: str, subject: Obj, errors: FieldErrors) -> None:
    name = subject.get("name") or ""
    if not name:
        errors.required("name")
    if kind != "ServiceAccount":
        return
    for message in names.dns1123_subdomain(name) if name not in ("", "*") else ():
        errors.invalid(name, message, "name")
    namespace = subject.get("namespace") or ""
    if not namespace:
        errors.required("namespace", "must specify namespace for service account")
    for message in names.dns1123_label(namespace) if namespace else ():
        errors.invalid(namespace, message, "namespace")


def _validate_verbs(verbs: Sequence[str], errors: FieldErrors) -> None:
    if not verbs:
        errors.required("", "verbs must contain at least one value")
    elif "*" in verbs:
        if len(verbs) > 1:
            errors.invalid(verbs, "if '*' is present, must not specify other verbs")
    elif not set(verbs) <= set(VERBS):
        errors.not_supported(verbs, VERBS)


def _validate_resource_rule(rule: Obj, errors: FieldErrors) -> None:
    _validate_verbs(rule.get("verbs") or (), errors.at("verbs"))
    for field, one, many in (
        ("apiGroups", "api group", "api groups"),
        ("resources", "resource", "resources"),
    ):
        values = rule.get(field) or ()
        if not values:
            errors.required(field, f"resource rules must supply at least one {one}")
        elif len(values) > 1 and "*" in values:
            errors.invalid(values, f"if '*' is present, must not specify other {many}", field)
    namespaces, at = rule.get("namespaces") or (), errors.at("namespaces")
    if not namespaces and not rule.get("clusterScope"):
        at.required("", "resource rules that are not cluster scoped must supply at least one namespace")
    elif "*" in namespaces:
        if len(namespaces) > 1:
            at.invalid(namespaces, "if '*' is present, must not specify other namespaces")
    else:
        for index, namespace in enumerate(namespaces):
            for message in names.dns1123_label(namespace):
                at.at(index).invalid(
                    namespace, f"each member of this list must be '*' or a DNS-1123 label; {message}"
                )


def _validate_url_rule(rule: Obj, errors: FieldErrors) -> None:
    _validate_verbs(rule.get("verbs") or (), errors.at("verbs"))
    urls, at = rule.get("nonResourceURLs") or (), errors.at("nonResourceURLs")
    if not urls:
        at.required("", "nonResourceURLs must contain at least one value")
    elif "*" in urls:
        if len(urls) > 1:
            at.invalid(urls, "if '*' is present, must not specify other non-resource URLs")
    else:
        for index, url in enumerate(urls):
            if problem := _url_problem(url):
                at.at(index).invalid(url, problem)


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    stars = url.count("*")
    if stars > 1 or (stars == 1 and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def _missing_level(schema: Obj, _now: float) -> Cell:
    for condition in dig(schema, "status", "conditions") or ():
        if condition.get("type") == "Dangling":
            return str(condition.get("status", ""))
    return "?"


def _precedence(schema: Obj) -> tuple[int, str]:
    """The order in which schemas are asked, which is that of `kubectl get`."""
    return dig(schema, "spec", "matchingPrecedence") or 0, name_of(schema)


FLOWSCHEMA = Kind(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="FlowSchema",
    plural="flowschemas",
    namespaced=False,
    status_metadata=(),
    singular="flowschema",
    subresources=("status",),
    schema="io.k8s.api.flowcontrol.v1.FlowSchema",
    table_order=_precedence,
    generation=True,
    default=default,
    prepare_create=without_status,
    validate=validate,
    validate_status=validate_status_update,
    columns=(
        NAME,
        Column("PriorityLevel", lambda schema, _: dig(schema, "spec", "priorityLevelConfiguration", "name")),
        Column("MatchingPrecedence", lambda schema, _: dig(schema, "spec", "matchingPrecedence") or 0),
        Column(
            "DistinguisherMethod",
            lambda schema, _: dig(schema, "spec", "distinguisherMethod", "type") or "<none>",
        ),
        AGE,
        Column(
            "MissingPL",
            _missing_level,
            description="references a broken or non-existent PriorityLevelConfiguration",
        ),
    ),
)
