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
BINDABLE = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes"}


def answer(request: Obj, account: Obj, issuer: TokenIssuer, get: Getter) -> MutableObj:
    """The TokenRequest as it is returned, `status.token` and all.

    `account` is the ServiceAccount. Raises Invalid, BadRequest, NotFound (the object to bind to), Conflict (it is
    another one by now, or the pod runs as somebody else).
    """
    spec: Mapping[str, Any] = request.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    seconds = DEFAULT_SECONDS if seconds is None else seconds
    _check_seconds(seconds)
    wanted_uid = (request.get("metadata") or {}).get("uid", "")
    if wanted_uid and wanted_uid != uid_of(account):
        raise _conflict(
            account,
            f"the UID in the token request ({wanted_uid}) does not match the UID of the service account ({uid_of(account)})",
        )
    bound = resolve(spec.get("boundObjectRef"), account, get)
    audiences = tuple(spec.get("audiences") or ())
    issued = issuer.issue(
        namespace=namespace_of(account),
        name=name_of(account),
        uid=uid_of(account),
        audiences=audiences,
        seconds=seconds,
        bound=bound,
    )
    return {
        **request,
        "kind": "TokenRequest",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {
            **(request.get("metadata") or {}),
            "name": name_of(account),
            "namespace": namespace_of(account),
        },
        "spec": {**spec, "audiences": list(audiences or issuer.audiences), "expirationSeconds": seconds},
        "status": {"token": issued.token, "expirationTimestamp": rfc3339(issued.expires)},
    }


def _check_seconds(seconds: int) -> None:
    errors = FieldErrors().at("spec")
    if seconds < MINIMUM_SECONDS:
        errors.invalid(seconds, "may not specify a duration less than 10 minutes", "expirationSeconds")
    elif seconds > MAXIMUM_SECONDS:
        errors.invalid(seconds, "may not specify a duration larger than 2^32 seconds", "expirationSeconds")
    if errors:
        text = "; ".join(errors)
        raise Invalid(
            f'TokenRequest.{GROUP} "" is invalid: {text}',
            group=GROUP,
            kind="TokenRequest",
            causes=errors.causes,
        )


def resolve(ref: Obj | None, account: Obj, get: Getter) -> Reference | None:
    """The object that `spec.boundObjectRef` names, as it is now."""
    if not ref:
        return None
    kind, name, uid = ref.get("kind", ""), ref.get("name", ""), ref.get("uid", "")
    plural = BINDABLE.get((ref.get("apiVersion", ""), kind))
    if plural is None:
        raise BadRequest(f"cannot bind token to object of type {ref.get('apiVersion', '')}, Kind={kind}")
    obj = get(plural, "" if kind == "Node" else namespace_of(account), name)
    if obj is None:
        raise NotFound(f'{plural} "{name}" not found', kind=plural, name=name)
    if uid and uid != uid_of(obj):
        raise _conflict(
            obj,
            f"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated",
            plural,
        )
    if kind != "Pod":
        return Reference(kind, name, uid_of(obj))
    if obj["spec"].get("serviceAccountName", "default") != name_of(account):
        raise BadRequest(
            f'cannot bind token for serviceaccount "{name_of(account)}" to pod running with different '
            "serviceaccount name."
        )
    node_name = obj["spec"].get("nodeName", "")
    node = get("nodes", "", node_name) if node_name else None
    return Reference(kind, name, uid_of(obj), node_name, uid_of(node) if node else "")


def _conflict(obj: Obj, why: str, plural: str = "serviceaccounts") -> Conflict:
    name = name_of(obj)
    return Conflict(f'Operation cannot be fulfilled on {plural} "{name}": {why}', kind=plural, name=name)
