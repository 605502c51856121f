"""VolumeAttachments: that a volume shall be attached to a node, and whether it is."""

from __future__ import annotations

from pybernetes.lang import names

from ..cells import AGE, NAME, at
from ..core.persistentvolume_sources import validate_driver_name
from ..core.persistentvolume_validation import validate_inline
from ..fielderrors import FieldErrors
from ..kind import Column, Kind
from ..meta import MutableObj, Obj
from ..validation.values import immutable

METADATA_SIZE = 256 * 1024
MESSAGE_LENGTH = 1024
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def prepare_create(attachment: MutableObj) -> None:
    attachment["status"] = {"attached": False}


def validate(attachment: Obj, errors: FieldErrors) -> None:
    spec, at = attachment.get("spec") or {}, errors.at("spec")
    if not spec.get("attacher"):
        at.required("attacher")
    _validate_source(spec.get("source") or {}, at.at("source"))
    for message in names.dns1123_subdomain(spec.get("nodeName") or ""):
        at.invalid(spec.get("nodeName") or "", message, "nodeName")
    _validate_status(attachment.get("status") or {}, errors.at("status"))


def validate_create(attachment: Obj, errors: FieldErrors) -> None:
    spec, at = attachment.get("spec") or {}, errors.at("spec")
    validate_driver_name(spec.get("attacher") or "", "attacher", at)
    volume = (spec.get("source") or {}).get("persistentVolumeName")
    if volume is not None:
        for message in names.dns1123_subdomain(volume):
            at.at("source").invalid(volume, message, "persistentVolumeName")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "spec", errors)


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    _validate_status(new.get("status") or {}, errors.at("status"))


def _validate_source(source: Obj, at: FieldErrors) -> None:
    inline, volume = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and volume is None:
        at.required(detail=_ONE_SOURCE)
    elif inline is not None and volume is not None:
        at.forbidden(_ONE_SOURCE)
    elif inline is not None:
        validate_inline(inline, at.at("inlineVolumeSpec"))
    elif not volume:
        at.required("persistentVolumeName", "must specify non empty persistentVolumeName")


def _validate_status(status: Obj, at: FieldErrors) -> None:
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > METADATA_SIZE:
        at.too_long(METADATA_SIZE, "attachmentMetadata")
    for field in ("attachError", "detachError"):
        trouble = status.get(field) or {}
        if len((trouble.get("message") or "").encode()) > MESSAGE_LENGTH:
            # Upstream names the limit of the metadata here.
            at.at(field).too_long(METADATA_SIZE, "message")
        code = trouble.get("errorCode")
        if code is not None and code < 0:
            at.at(field).invalid(code, "must be between 0 and 2147483647, inclusive", "errorCode")


VOLUMEATTACHMENT = Kind(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttachment",
    plural="volumeattachments",
    namespaced=False,
    status_metadata=(),
    unconditional_update=False,
    singular="volumeattachment",
    subresources=("status",),
    schema="io.k8s.api.storage.v1.VolumeAttachment",
    prepare_create=prepare_create,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        Column("Attacher", at("spec", "attacher"), format="name"),
        Column("PV", at("spec", "source", "persistentVolumeName")),
        Column("Node", at("spec", "nodeName")),
        Column("Attached", at("status", "attached", default=False), type="boolean"),
        AGE,
    ),
)
