"""AdmissionReviews: the request that a hook is sent, and what is read from its answer. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import orjson

from pybernetes.api.errors import ApiError, error_from_status
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj

from ..plugin import Admission

API_VERSION = "admission.k8s.io/v1"
OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a hook said. `failure` tells why there is none (it could not be asked, or answered nonsense)."""

    allowed: bool = True
    status: Obj = field(default_factory=dict)
    patch: Any = None
    """The operations of a JSON patch, or None."""
    warnings: tuple[str, ...] = ()
    annotations: Obj = field(default_factory=dict)
    failure: str = ""


UNREACHED, INVALID = "failed to call webhook: ", "received invalid webhook response: "
UNDECODABLE, UNSUPPORTED = "received undecodable patch in webhook response: ", "unsupported patch type "


class BadReview(ValueError):
    """The answer is no AdmissionReview as asked for. `at` are the words before the message."""

    def __init__(self, message: str, at: str = INVALID) -> None:
        super().__init__(message)
        self.at = at


def request_of(admission: Admission, kind: Kind) -> dict[str, Any]:
    """`AdmissionReview.request`, without its uid, with the objects in the version of `kind`."""
    ctx, own = admission.ctx, admission.kind
    user = admission.user
    new, old = admission.new, admission.old
    name = admission.name or ctx.info.name or (((new or {}).get("metadata") or {}).get("name") or "")
    request: dict[str, Any] = {
        "kind": _kind_of(new, kind, admission.subresource),
        "resource": {"group": kind.group, "version": kind.version, "resource": kind.plural},
        "requestKind": _kind_of(new, own, admission.subresource),
        "requestResource": {"group": own.group, "version": own.version, "resource": own.plural},
        "operation": admission.operation,
        "userInfo": _user(user.name, user.uid, user.groups, user.extra),
        "object": converted(new, own, kind, admission.subresource),
        "oldObject": converted(old, own, kind, admission.subresource),
        "dryRun": ctx.dry_run,
        "options": _options(admission),
    }
    if name:
        request["name"] = name
    namespace = admission.namespace or (name if own.plural == "namespaces" and not own.group else "")
    if namespace:
        request["namespace"] = namespace
    if admission.subresource:
        request["subResource"] = request["requestSubResource"] = admission.subresource
    return request


def _kind_of(tree: Obj | None, kind: Kind, subresource: str) -> dict[str, str]:
    """A subresource may have a kind of its own (an Eviction): the object says so."""
    if subresource and tree is not None and tree.get("kind") not in (None, kind.kind):
        group, _, version = str(tree.get("apiVersion", "")).rpartition("/")
        return {"group": group, "version": version, "kind": tree["kind"]}
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def converted(tree: Obj | None, own: Kind, kind: Kind, subresource: str = "") -> Obj | None:
    """The object in the version of `kind`."""
    if tree is None or own is kind or (subresource and tree.get("kind") not in (None, own.kind)):
        return tree
    return kind.from_stored(own.to_stored(tree))


def _user(name: str, uid: str, groups: tuple[str, ...], extra: Any) -> dict[str, Any]:
    info: dict[str, Any] = {"username": name}
    if uid:
        info["uid"] = uid
    if groups:
        info["groups"] = list(groups)
    if extra:
        info["extra"] = {key: list(values) for key, values in extra.items()}
    return info


def _options(admission: Admission) -> dict[str, Any]:
    query = admission.ctx.query
    verb = "PatchOptions" if admission.ctx.info.verb == "patch" else OPTIONS.get(admission.operation, "")
    options: dict[str, Any] = {"kind": verb, "apiVersion": "meta.k8s.io/v1"}
    if admission.ctx.dry_run:
        options["dryRun"] = ["All"]
    for field_ in ("fieldManager", "fieldValidation"):
        if query.get(field_) and admission.operation != "DELETE":
            options[field_] = query[field_]
    return options


def review(request: Obj, uid: str, version: str = API_VERSION) -> bytes:
    """The body that is sent."""
    tree = {"kind": "AdmissionReview", "apiVersion": version, "request": {"uid": uid, **request}}
    return orjson.dumps(tree)


def read(body: bytes, uid: str, version: str = API_VERSION, *, mutating: bool) -> Verdict:
    """The verdict in an answer to a review of `version`. Raises BadReview with upstream's reason."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadReview(f"couldn't get version/kind; json parse error: {error}", UNREACHED) from error
    if not isinstance(tree, dict):
        raise BadReview("couldn't get version/kind; json parse error", UNREACHED)
    strict = version == API_VERSION  # the older version's answers were never looked at so closely
    if strict and (tree.get("apiVersion"), tree.get("kind")) != (API_VERSION, "AdmissionReview"):
        group, _, short = str(tree.get("apiVersion") or "").rpartition("/")
        raise BadReview(
            f"expected webhook response of {API_VERSION}, Kind=AdmissionReview, got "
            f"{group}/{short}, Kind={tree.get('kind') or ''}"
        )
    response = tree.get("response")
    if not isinstance(response, dict):
        raise BadReview("webhook response was absent")
    if strict and response.get("uid") != uid:
        raise BadReview(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
    return Verdict(
        allowed=bool(response.get("allowed")),
        status=response.get("status") or {},
        patch=_patch(response, mutating=mutating, strict=strict),
        warnings=tuple(str(warning) for warning in response.get("warnings") or ()),
        annotations=response.get("auditAnnotations") or {},
    )


def _patch(response: Obj, *, mutating: bool, strict: bool) -> Any:
    """The operations; None for none. What is wrong about a patch does not count where the hook refuses."""
    patch, type_ = response.get("patch"), response.get("patchType")
    if strict:
        _check_patch(patch, type_, mutating=mutating)
    if not patch or not mutating or not response.get("allowed"):
        return None
    try:
        operations = orjson.loads(base64.b64decode(patch, validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadReview(str(error), UNDECODABLE) from error
    if operations and strict and type_ != "JSONPatch":
        raise BadReview(f'"{type_}"', UNSUPPORTED)
    return operations or None


def _check_patch(patch: Any, type_: Any, *, mutating: bool) -> None:
    if not mutating:
        if patch:
            raise BadReview("validating webhook may not return response.patch")
        if type_ is not None:
            raise BadReview("validating webhook may not return response.patchType")
    elif patch and type_ is None:
        raise BadReview("webhook returned response.patch but not response.patchType")
    elif type_ is not None and not patch:
        raise BadReview("webhook returned response.patchType but not response.patch")
    elif type_ == "":
        raise BadReview('webhook returned invalid response.patchType of ""')


def denial(name: str, status: Obj) -> ApiError:
    """The error by which the client learns that a hook has refused."""
    denied = f'admission webhook "{name}" denied the request'
    message = status.get("message") or status.get("reason")
    code = int(status.get("code") or 0)
    return error_from_status(
        {
            **status,
            "message": f"{denied}: {message}" if message else f"{denied} without explanation",
            "code": code if code >= 400 else 400,
        }
    )
