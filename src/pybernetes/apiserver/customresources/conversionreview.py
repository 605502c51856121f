"""ConversionReviews: what a conversion webhook is sent, and what is read from its answer. Pure.

Messages are upstream's. Only labels and annotations of an object's metadata may change on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from pybernetes.api.errors import Cause
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.api.validation.metadata import validate_annotations, validate_labels

GROUP = "apiextensions.k8s.io"
KNOWN_VERSIONS = ("v1", "v1beta1")
"""Of the review itself, the preferred one first."""

CALL, MALFORMED, PARTIAL, INVALID = (
    "conversion_webhook_call_failure",
    "conversion_webhook_malformed_response_failure",
    "conversion_webhook_partial_response_failure",
    "conversion_webhook_invalid_converted_object_failure",
)
"""How metrics name what went wrong."""


class BadConversion(ValueError):
    """The webhook could not be asked or its answer is no good; the message is the whole of what clients are told."""

    def __init__(self, message: str, failure: str) -> None:
        super().__init__(message)
        self.failure = failure


def review_version(known_to_hook: Sequence[str]) -> str:
    """The first version of ConversionReview that the webhook knows and we know; "" where there is none."""
    return next((version for version in known_to_hook if version in KNOWN_VERSIONS), "")


def review(objects: Sequence[Obj], desired: str, uid: str, version: str) -> bytes:
    """The body that is sent: these objects, please, in `desired` (group/version)."""
    request = {"uid": uid, "desiredAPIVersion": desired, "objects": list(objects)}
    return orjson.dumps({"kind": "ConversionReview", "apiVersion": f"{GROUP}/{version}", "request": request})


def kind_of(tree: Obj) -> str:
    """`stable.example.com/v1, Kind=CronTab`: how messages name what was to be converted."""
    return f"{tree.get('apiVersion', '')}, Kind={tree.get('kind', '')}"


def read(body: bytes, sent: Sequence[Obj], desired: str, uid: str, version: str) -> list[MutableObj]:
    """The converted objects, in the order in which they were sent. Raises BadConversion."""
    subject = (
        kind_of(sent[0])
        if len(sent) == 1
        else f"{sent[0].get('apiVersion', '')}, Kind={sent[0].get('kind', '')}List"
    )
    found = _objects(body, uid, version, subject)
    if len(found) != len(sent):
        raise BadConversion(
            f"conversion webhook for {subject} returned {len(found)} objects, expected {len(sent)}", PARTIAL
        )
    return [
        _checked(original, tree, desired, subject, index if len(sent) > 1 else None)
        for index, (original, tree) in enumerate(zip(sent, found, strict=True))
    ]


def _objects(body: bytes, uid: str, version: str, subject: str) -> list[Any]:
    def bad(why: str) -> BadConversion:
        return BadConversion(f"conversion webhook for {subject} failed: {why}", MALFORMED)

    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(tree, dict):
        raise bad("couldn't get version/kind; json parse error")
    expected = f"{GROUP}/{version}, Kind=ConversionReview"
    if kind_of(tree) != expected:
        raise bad(f"expected webhook response of {expected}, got {kind_of(tree)}")
    response = tree.get("response")
    if not isinstance(response, dict):
        raise bad("no response provided")
    if response.get("uid") != uid:
        raise bad(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        message = result.get("message")
        raise bad(message or f"response.result.status was '{result.get('status', '')}', not 'Success'")
    return list(response.get("convertedObjects") or ())


def _checked(original: Obj, tree: Any, desired: str, subject: str, index: int | None) -> MutableObj:
    """The object with its own metadata given back. Raises BadConversion."""
    if index is None:
        start, metadata_start = f"conversion webhook for {subject} failed", "invalid metadata"
    else:
        start = f"conversion webhook for {subject} returned invalid converted object at index {index}"
        metadata_start = ""

    def bad(why: str) -> BadConversion:
        return BadConversion(f"{start}: {why}", INVALID)

    if not isinstance(tree, dict):
        raise bad("Object 'Kind' is missing")
    if tree.get("apiVersion") != desired:
        raise bad(f"invalid groupVersion (expected {desired}, received {tree.get('apiVersion', '')})")
    if tree.get("kind") != original.get("kind"):
        raise bad(f"invalid kind (expected {original.get('kind', '')}, received {tree.get('kind', '')})")
    old, new = original.get("metadata") or {}, tree.get("metadata")
    if new is None:
        raise bad(f"{metadata_start}: missing metadata in converted object".lstrip(": "))
    if not isinstance(new, dict):
        raise bad(f"{metadata_start}: invalid metadata of type {_type(new)} in converted object".lstrip(": "))
    for field, word in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (old.get(field) or "") != (new.get(field) or ""):
            raise bad(f"must have the same {word}: {old.get(field) or ''} != {new.get(field) or ''}")
    tree["metadata"] = _metadata(old, new, lambda why: bad(f"{metadata_start}: {why}".lstrip(": ")))
    return tree


def _metadata(old: Obj, new: Obj, bad: Any) -> MutableObj:
    """The original metadata with the labels and annotations of the converted object. Raises what `bad` makes."""
    metadata = {key: value for key, value in old.items() if key not in ("labels", "annotations")}
    errors = FieldErrors()
    for field, validate in (("labels", validate_labels), ("annotations", validate_annotations)):
        given = new.get(field)
        if given is None:
            continue
        if not isinstance(given, dict) or any(not isinstance(value, str) for value in given.values()):
            raise bad(f"invalid metadata.{field} in converted object: must be a map of strings")
        validate(given, errors.at("metadata", field))
        if given:
            metadata[field] = given
    if errors:
        raise bad(_joined(errors.causes))
    return metadata


def _joined(causes: Sequence[Cause]) -> str:
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"


def _type(value: Any) -> str:
    """What Go calls the type of a decoded JSON value."""
    match value:
        case str():
            return "string"
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case list():
            return "[]interface {}"
    return "<nil>"
