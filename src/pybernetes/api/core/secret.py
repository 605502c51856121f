"""Secrets: data for pods that is not shown."""

from __future__ import annotations

import base64
import json

from pybernetes.lang.gojson import go_json_error

from ..cells import AGE, NAME, at
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..selectable import field_text
from .configmap import validate_frozen, validate_key

OPAQUE = "Opaque"
MAX_SIZE = 1024 * 1024
REQUIRED_KEYS: dict[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
DOCKER = ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson")
SSH = "kubernetes.io/ssh-auth"
_GO_WORDS = ((list, "array"), (str, "string"), (bool, "bool"), ((int, float), "number"))
ACCOUNT_TOKEN, ACCOUNT_NAME = "kubernetes.io/service-account-token", "kubernetes.io/service-account.name"


def default(obj: MutableObj) -> None:
    """The type, and `stringData` merged into `data`: it is for writing only."""
    obj.setdefault("type", OPAQUE)
    plain = obj.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def validate(secret: Obj, errors: FieldErrors) -> None:
    data, at_data = secret.get("data") or {}, errors.at("data")
    for key in data:
        validate_key(key, at_data)
    if sum(len(value or "") * 3 // 4 for value in data.values()) > MAX_SIZE:
        errors.too_long(MAX_SIZE, "data")
    kind = secret.get("type", OPAQUE)
    for key in REQUIRED_KEYS.get(kind, ()):
        if not data.get(key) if kind == SSH else key not in data:
            at_data.at_key(key).required()
        elif kind in DOCKER:
            _validate_json(data[key], at_data.at_key(key))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        at_data.at_key("username").required()
        at_data.at_key("password").required()
    if kind == ACCOUNT_TOKEN and not (secret["metadata"].get("annotations") or {}).get(ACCOUNT_NAME):
        errors.at("metadata", "annotations").at_key(ACCOUNT_NAME).required()


def _validate_json(text: str | None, at: FieldErrors) -> None:
    """Credentials for registries are an object in JSON; what they are is not shown."""
    content = base64.b64decode(text or "")
    try:
        tree = json.loads(content)
    except ValueError as error:
        at.invalid("<secret contents redacted>", go_json_error(content, str(error)))
        return
    if tree is not None and not isinstance(tree, dict):
        word = next(name for types, name in _GO_WORDS if isinstance(tree, types))
        why = f"json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"
        at.invalid("<secret contents redacted>", why)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What may not change is told first."""
    if new.get("type") != old.get("type"):
        errors.invalid(new.get("type"), "field is immutable", "type")
    validate_frozen(new, old, ("data",), errors)
    validate(new, errors)


SECRET = Kind(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    namespaced=True,
    singular="secret",
    schema="io.k8s.api.core.v1.Secret",
    default=default,
    validate_create=validate,
    validate_update=validate_update,
    columns=(
        NAME,
        Column("Type", at("type")),
        Column("Data", lambda secret, _now: len(secret.get("data") or {}), type="integer"),
        AGE,
    ),
    selectable={"type": field_text("type")},
)
