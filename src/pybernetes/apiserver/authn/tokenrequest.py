"""The `token` subresource of service accounts: what may be asked for, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.api.errors import BadRequest, Conflict, Invalid, NotFound
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import MutableObj, Obj, name_of, namespace_of, uid_of
from pybernetes.lang.timestamps import rfc3339

from .serviceaccount import TokenIssuer
from .serviceaccount_claims import DEFAULT_SECONDS, MAXIMUM_SECONDS, MINIMUM_SECONDS, Reference
from .verified import Getter

GROUP = "authentication.k8s.io"
BINDABLE = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}
"""Kinds of the core group, whatever version is written."""
WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


def check_place(request: Obj, name: str, namespace: str) -> None:
    """Raises Invalid where the request says another name or namespace than its URL."""
    metadata = request.get("metadata") or {}
    errors = FieldErrors().at("metadata")
    for field, wanted in (("name", name), ("namespace", namespace)):
        given = metadata.get(field)
        if given and given != wanted and not errors:
            errors.invalid(given, f"must match the service account {field} if specified", field)
    _raise(errors, name)


def completed(request: Obj, account: Obj, audiences: tuple[str, ...], now: float) -> MutableObj:
    """The request with all that it left open: whose it is, for whom and for how long. `account` is the ServiceAccount;
    `audiences` are the API server's own. Raises Conflict (it is another account by now), Invalid."""
    metadata, spec = request.get("metadata") or {}, request.get("spec") or {}
    wanted_uid = metadata.get("uid", "")
    if wanted_uid and wanted_uid != uid_of(account):
        raise _conflict(
            f"TokenRequest.{GROUP}",
            name_of(account),
            f"the UID in the token request ({wanted_uid}) does not match the UID of the service account "
            f"({uid_of(account)})",
        )
    seconds = spec.get("expirationSeconds")
    seconds = DEFAULT_SECONDS if seconds is None else seconds
    _check_seconds(seconds)
    return {
        **request,
        "kind": "TokenRequest",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {
            **metadata,
            "name": name_of(account),
            "namespace": namespace_of(account),
            "uid": uid_of(account),
            "creationTimestamp": rfc3339(now),
        },
        "spec": {
            **spec,
            "audiences": list(spec.get("audiences") or audiences),
            "expirationSeconds": seconds,
        },
        "status": {"token": "", "expirationTimestamp": None},
    }


def answer(request: Obj, account: Obj, issuer: TokenIssuer, get: Getter) -> MutableObj:
    """The `completed` TokenRequest as it is returned, with the token in its status.

    Raises BadRequest, NotFound (the object to bind to), Conflict (it is another one by now).
    """
    spec: Mapping[str, Any] = request["spec"]
    issued = issuer.issue(
        namespace=namespace_of(account),
        name=name_of(account),
        uid=uid_of(account),
        audiences=tuple(spec["audiences"]),
        seconds=spec["expirationSeconds"],
        bound=resolve(spec.get("boundObjectRef"), account, get),
    )
    return {**request, "status": {"token": issued.token, "expirationTimestamp": rfc3339(issued.expires)}}


def _check_seconds(seconds: int) -> None:
    errors = FieldErrors().at("spec")
    if seconds < MINIMUM_SECONDS:
        errors.invalid(seconds, "may not specify a duration less than 10 minutes", "expirationSeconds")
    elif seconds > MAXIMUM_SECONDS:
        errors.invalid(seconds, "may not specify a duration larger than 2^32 seconds", "expirationSeconds")
    _raise(errors, "")


def _raise(errors: FieldErrors, name: str) -> None:
    if errors:
        raise Invalid(
            f'TokenRequest.{GROUP} "{name}" is invalid: {"; ".join(errors)}',
            group=GROUP,
            kind="TokenRequest",
            name=name,
            causes=errors.causes,
        )


def resolve(ref: Obj | None, account: Obj, get: Getter) -> Reference | None:
    """The object that `spec.boundObjectRef` names, as it is now."""
    if ref is None:
        return None
    group, version, kind = *_group_version(str(ref.get("apiVersion", ""))), str(ref.get("kind", ""))
    name, uid = ref.get("name", ""), ref.get("uid", "")
    plural = BINDABLE.get(kind) if not group else None
    if plural is None:
        raise BadRequest(_unbindable(group, version, kind))
    obj = get(plural, "" if kind == "Node" else namespace_of(account), name)
    if obj is None:
        raise NotFound(f'{plural} "{name}" not found', kind=plural, name=name)
    if kind == "Pod" and obj["spec"].get("serviceAccountName", "") != name_of(account):
        raise BadRequest(
            f'cannot bind token for serviceaccount "{name_of(account)}" to pod running with different '
            "serviceaccount name."
        )
    if uid and uid != uid_of(obj):
        raise _conflict(
            kind,
            name,
            f"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have "
            "been deleted and then recreated",
        )
    if kind != "Pod":
        return Reference(kind, name, uid_of(obj))
    node_name = obj["spec"].get("nodeName", "")
    node = get("nodes", "", node_name) if node_name else None
    return Reference(kind, name, uid_of(obj), node_name, uid_of(node) if node else "")


def _group_version(api_version: str) -> tuple[str, str]:
    """What cannot be read counts as the core group without a version."""
    parts = api_version.split("/")
    if len(parts) > 2:
        return "", ""
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _unbindable(group: str, version: str, kind: str) -> str:
    message = f"cannot bind token to object of type {group}/{version}, Kind={kind}"
    if (group, version) == ("admissionregistration.k8s.io", "v1") and kind in WEBHOOKS:
        return f"{message} (feature gate APIServerWebhookAuthenticationToken is disabled)"
    return message


def _conflict(resource: str, name: str, why: str) -> Conflict:
    kind, _, group = resource.partition(".")
    return Conflict(
        f'Operation cannot be fulfilled on {resource} "{name}": {why}', group=group, kind=kind, name=name
    )
