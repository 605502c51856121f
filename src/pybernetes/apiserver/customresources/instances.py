"""What happens to an instance of a custom resource: one `InstanceSchema` per version of a definition.

The order is upstream's: decoded, pruned, defaulted, its nulls dropped, then validated by the schema, by the list types
and by the rules. An update is not refused for what it leaves as it was (validation ratcheting).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from pybernetes.api import schema
from pybernetes.api.apiextensions import celrules, defaulting, listtypes
from pybernetes.api.apiextensions.pruning import prune
from pybernetes.api.apiextensions.schemavalidation import NO_PATH, UNKNOWN, Validator
from pybernetes.api.apiextensions.structural import Structural
from pybernetes.api.errors import Undecodable
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj

from . import openapi
from .scalevalues import validate_scale_values

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
BLOCKING = (
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
)
"""Errors after which rules in CEL are not run: they rely on the form of what they see."""
UNCHECKED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


class InstanceSchema:
    """The schema of one version, compiled. `api.kind.OwnSchema`, and the functions of a `Kind`."""

    def __init__(
        self, raw: Mapping[str, Any], group: str, version: str, kind: str, scale: Obj | None = None
    ) -> None:
        """`scale`: that of the version's subresources."""
        self.structural = Structural(raw, root=True)
        self._validator = Validator(raw)
        self._rules = celrules.rules_of(self.structural)
        self._gvk = (group, version, kind)
        self._api_version = f"{group}/{version}"
        self._raw = raw
        self._scale = scale

    # ---- OwnSchema

    def check(
        self, body: Obj, mode: Literal["Strict", "Warn", "Ignore"], duplicates: Sequence[str]
    ) -> tuple[MutableObj, list[str]]:
        tree: MutableObj = orjson.loads(orjson.dumps(body))
        problems = list(duplicates)
        metadata = tree.get("metadata")
        if isinstance(metadata, dict):
            try:
                decoded = schema.decode(metadata, OBJECT_META)
            except schema.Mismatch as error:
                raise Undecodable(self._refusal(str(error)), str(error)) from error
            tree["metadata"] = decoded.tree
            problems += [line.replace('"', '"metadata.', 1) for line in decoded.unknown]
        tree, dropped = prune(tree, self.structural, embedded=True)
        problems += [f'unknown field "{path}"' for path in dropped]
        if problems and mode == "Strict":
            why = f"strict decoding error: {', '.join(problems)}"
            raise Undecodable(self._refusal(why), why)
        return tree, problems if mode == "Warn" else []

    def known(self, obj: MutableObj) -> MutableObj:
        pruned: MutableObj = (
            prune(obj, self.structural, embedded=True)[0] if self.structural.worth_pruning else obj
        )
        return pruned

    def patch_schema(self) -> Structural:
        return self.structural

    def openapi(self, version: int) -> Mapping[str, Any]:
        return openapi.whole(self._raw, version, self._gvk)

    # ---- functions of a Kind

    def default(self, obj: MutableObj) -> None:
        defaulting.fill(obj, self.structural)
        defaulting.drop_nulls(obj, self.structural)

    def validate_create(self, obj: Obj, errors: FieldErrors) -> None:
        self._validate(obj, None, errors)

    def validate_update(self, new: Obj, old: Obj, errors: FieldErrors) -> None:
        self._validate(new, old, errors)

    def restore(self, obj: MutableObj) -> bool:
        """An object as it was stored, made what this version's schema would store today (in place)."""
        changed = obj.get("apiVersion") != self._api_version
        obj["apiVersion"] = self._api_version
        if self.structural.worth_pruning:
            pruned, dropped = prune(obj, self.structural, embedded=True)
            if dropped:
                obj.clear()
                obj.update(pruned)
                changed = True
        return defaulting.fill(obj, self.structural) or changed

    def converted(self, obj: Obj) -> Obj:
        """An object of another version as one of this."""
        tree: MutableObj = {**obj, "apiVersion": self._api_version}
        return prune(tree, self.structural, embedded=True)[0] if self.structural.worth_pruning else tree

    def finish(self, obj: MutableObj) -> None:
        """What a conversion webhook has made (in place): pruned and with its defaults."""
        if self.structural.worth_pruning:
            pruned, dropped = prune(obj, self.structural, embedded=True)
            if dropped:
                obj.clear()
                obj.update(pruned)
        defaulting.fill(obj, self.structural)

    def _validate(self, new: Obj, old: Obj | None, errors: FieldErrors) -> None:
        before = len(errors.causes)
        was = UNKNOWN if old is None else old
        self._validator.check(new, "", errors, was)
        if self._scale is not None:
            validate_scale_values(new, self._scale, errors)
        listtypes.check(new, self.structural, errors)
        if self._rules is None:
            return
        if any(cause.reason in BLOCKING for cause in errors.causes[before:]):
            errors.invalid(None, UNCHECKED, NO_PATH)
        else:
            celrules.check(self._rules, new, was, errors)

    def _refusal(self, why: str) -> str:
        _, version, kind = self._gvk
        return f'{kind} in version "{version}" cannot be handled as a {kind}: {why}'
