"""CustomResourceDefinitions: an object that defines a kind. What is done with it: `apiserver/customresources/`."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj
from .conditions import with_condition

GROUP = "apiextensions.k8s.io"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer by which all instances are deleted before their definition goes."""
WEBHOOK_PORT = 443


def default(obj: MutableObj) -> None:
    """singular and listKind follow from kind; nothing is converted unless somebody says how."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    names = spec.get("names")
    if isinstance(names, dict) and names.get("kind"):
        names["singular"] = names.get("singular") or names["kind"].lower()
        names["listKind"] = names.get("listKind") or f"{names['kind']}List"
    if not isinstance(spec.get("conversion"), dict):
        spec["conversion"] = {"strategy": "None"}
    conversion = spec["conversion"]
    service = ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service")
    if isinstance(service, dict):
        service.setdefault("port", WEBHOOK_PORT)


def prepare_create(obj: MutableObj) -> None:
    """The status is the server's; the storage version counts as stored from the start."""
    obj["status"] = {}
    _note_stored_version(obj)


def prepare_update(new: MutableObj, _old: Obj) -> None:
    _note_stored_version(new)


def prepare_delete(obj: MutableObj, now: float) -> None:
    """The instances go first: a finalizer waits for them, and a condition tells of it."""
    metadata = obj["metadata"]
    if metadata.get("deletionTimestamp"):
        return
    finalizers = list(metadata.get("finalizers") or ())
    if CLEANUP not in finalizers:
        metadata["finalizers"] = [*finalizers, CLEANUP]
    obj["status"] = with_condition(
        obj.get("status") or {},
        "Terminating",
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        now,
    )


def validate(obj: Obj, errors: FieldErrors) -> None:
    from . import customresourcedefinition_validation as rules  # schemas and CEL: not needed to start

    rules.validate(obj, errors)


def validate_create(obj: Obj, errors: FieldErrors) -> None:
    from . import customresourcedefinition_validation as rules

    rules.validate_create(obj, errors)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    from . import customresourcedefinition_validation as rules

    rules.validate_update(new, old, errors)


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    from . import customresourcedefinition_validation as rules

    rules.validate_status(new, old, errors)


def storage_version(crd: Obj) -> str:
    """The version in which instances are stored."""
    return next((v["name"] for v in crd["spec"].get("versions") or () if v.get("storage")), "")


def _note_stored_version(obj: MutableObj) -> None:
    stored = (obj.get("status") or {}).get("storedVersions") or []
    for version in (obj.get("spec") or {}).get("versions") or ():
        if version.get("storage") and version.get("name") not in stored:
            stored = [*stored, version.get("name")]
    obj["status"] = {**(obj.get("status") or {}), "storedVersions": stored}


CUSTOMRESOURCEDEFINITION = Kind(
    group=GROUP,
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
    status_metadata=(),
    unconditional_update=False,
    singular="customresourcedefinition",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    subresources=("status",),
    schema="io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    storage_prefix=f"{GROUP}/customresourcedefinitions",
    generation=True,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_delete=prepare_delete,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
)
