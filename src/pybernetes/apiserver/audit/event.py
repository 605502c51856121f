"""What a line of the audit log says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import MutableObj, Obj

from ..context import RequestContext
from ..user import User
from .policy import API_VERSION


def started(ctx: RequestContext, audit_id: str, level: str, uri: str, received: str) -> MutableObj:
    """What is known when the request has come and its user is known."""
    event: MutableObj = {
        "kind": "Event",
        "apiVersion": API_VERSION,
        "level": level,
        "auditID": audit_id,
        "stage": "",
        "requestURI": uri,
        "verb": ctx.info.verb,
        "user": user_info(ctx.user),
    }
    if ctx.request is not None:
        addresses = [
            part.strip() for part in ctx.request.headers.get("x-forwarded-for", "").split(",") if part
        ]
        if ctx.request.remote and ctx.request.remote not in addresses:
            addresses.append(ctx.request.remote)
        if addresses:
            event["sourceIPs"] = addresses
        if agent := ctx.request.headers.get("user-agent"):
            event["userAgent"] = agent
    event["objectRef"] = reference(ctx)
    if event["objectRef"] is None:
        del event["objectRef"]
    event["requestReceivedTimestamp"] = received
    return event


def reference(ctx: RequestContext) -> MutableObj | None:
    """Which object the request is about; None where it is about none."""
    info = ctx.info
    if not info.is_resource:
        return None
    fields = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }
    return {key: value for key, value in fields.items() if value}


def user_info(user: User) -> MutableObj:
    """authentication.k8s.io's UserInfo."""
    info: MutableObj = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    if user.groups:
        info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return info


def with_request(event: Obj, body: Any, *, whole: bool) -> MutableObj:
    """The event with what the request's object says of itself, and with the object where it is wanted `whole`."""
    changed = dict(event)
    if body is None:
        return changed
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    if isinstance(metadata, Mapping) and "objectRef" in changed:
        found = {
            key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion") if metadata.get(key)
        }
        changed["objectRef"] = _in_order({**found, **changed["objectRef"]})
    if whole:
        changed["requestObject"] = body
    return changed


_ORDER = ("resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "resourceVersion", "subresource")


def _in_order(fields: Obj) -> MutableObj:
    return {key: fields[key] for key in _ORDER if key in fields}


def status_of_error(error: ApiError) -> tuple[MutableObj, MutableObj]:
    """`responseStatus` of a refusal, and the Status that the client got."""
    whole = dict(error.status())
    kept: MutableObj = {
        key: whole[key]
        for key in ("metadata", "status", "message", "reason", "details", "code")
        if key in whole
    }
    return kept, whole


def finished(
    event: Obj, ctx: RequestContext, stage: str, now: str, status: Obj | None, response: Any
) -> MutableObj:
    """The line of a stage; fields in upstream's order."""
    known = {**event, "stage": stage, "stageTimestamp": now}
    if ctx.impersonated_by:
        known["impersonatedUser"] = user_info(ctx.user)
    if status is not None:
        known["responseStatus"] = status
    if response is not None:
        known["responseObject"] = response
    if ctx.annotations:
        known["annotations"] = {
            key: value
            for key, value in ctx.annotations.items()
            if event.get("level") != "Metadata" or not key.startswith(PATCH_KEY)
        }
    return {key: known[key] for key in FIELDS if key in known}


PATCH_KEY = "patch.webhook.admission.k8s.io/"
"""The annotations that tell the patches of webhooks: parts of objects, which the level Metadata leaves out."""
FIELDS = (
    "kind",
    "apiVersion",
    "level",
    "auditID",
    "stage",
    "requestURI",
    "verb",
    "user",
    "impersonatedUser",
    "sourceIPs",
    "userAgent",
    "objectRef",
    "responseStatus",
    "requestObject",
    "responseObject",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "annotations",
)


def without_managed_fields(tree: Any) -> Any:
    """An object, or a list of them, without their managedFields."""
    if not isinstance(tree, Mapping):
        return tree
    changed = dict(tree)
    if isinstance(tree.get("items"), list):
        changed["items"] = [without_managed_fields(item) for item in tree["items"]]
    metadata = tree.get("metadata")
    if isinstance(metadata, Mapping) and "managedFields" in metadata:
        changed["metadata"] = {key: value for key, value in metadata.items() if key != "managedFields"}
    return changed
