"""The rules of volumes whose files are made of other objects: secrets, config maps, fields of the pod, tokens, bundles."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..certificates.signername import validate_signer_name
from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.ids import user_id
from ..validation.selectors import validate_label_selector
from .validate_env import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from .validate_paths import file_path, validate_mode

_MIN_TOKEN_SECONDS, _MAX_TOKEN_SECONDS = 600, 2**32
KEY_TYPES = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"]
_MIN_CERTIFICATE_SECONDS, _DAY = 3600, 86400
_TWICE = "conflicting duplicate paths"
_TYPES = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")


def secret(source: Obj, errors: FieldErrors) -> None:
    if not source.get("secretName"):
        errors.required("secretName")
    _defaults(source, errors)
    _items(source, errors)


def config_map(source: Obj, errors: FieldErrors) -> None:
    if not source.get("name"):
        errors.required("name")
    _defaults(source, errors)
    _items(source, errors)


def downward(source: Obj, errors: FieldErrors) -> None:
    """Upstream names the volume, not the file, in what it says of a file."""
    _defaults(source, errors)
    for item in source.get("items") or ():
        _downward_file(item, errors)


def projected(source: Obj, errors: FieldErrors) -> None:
    _defaults(source, errors)
    paths = _Paths(errors)
    for index, projection in enumerate(source.get("sources") or ()):
        at = errors.at("sources", index)
        given = [field for field in _TYPES if projection.get(field) is not None]
        for field in given:
            _PROJECTIONS[field](projection[field], at.at(field), paths)
        if len(given) > 1:
            at.forbidden("may not specify more than 1 volume type per source")


class _Paths:
    """The paths of the files of one volume; `errors` stands at the volume's source."""

    def __init__(self, errors: FieldErrors) -> None:
        self.errors = errors
        self._seen: set[str] = set()

    def take(self, path: str, shown: str | None = None) -> None:
        """`shown` is what upstream prints of a path that is there twice, where it is not the path."""
        if path in self._seen:
            self.errors.invalid(path if shown is None else shown, _TWICE)
        self._seen.add(path)


def _defaults(source: Obj, errors: FieldErrors) -> None:
    validate_mode(source, "defaultMode", errors)
    user_id(source, "defaultUser", errors)


def _items(source: Obj, errors: FieldErrors, paths: _Paths | None = None) -> None:
    for index, item in enumerate(source.get("items") or ()):
        at, path = errors.at("items", index), item.get("path") or ""
        if not item.get("key"):
            at.required("key")
        if not path:
            at.required("path")
        file_path(path, "path", at)
        validate_mode(item, "mode", at)
        user_id(item, "user", at)
        if path and paths is not None:
            paths.take(path, source.get("name") or "")


def _downward_file(item: Obj, at: FieldErrors) -> None:
    path = item.get("path") or ""
    if not path:
        at.required("path")
    file_path(path, "path", at)
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        validate_field_ref(field, VOLUME_FIELDS, at.at("fieldRef"))
        if resource is not None:
            at.invalid("resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif resource is not None:
        validate_resource_ref(resource, at.at("resourceFieldRef"), in_volume=True)
    else:
        at.required(detail="one of fieldRef and resourceFieldRef is required")
    validate_mode(item, "mode", at)
    user_id(item, "user", at)


def _of_object(source: Obj, errors: FieldErrors, paths: _Paths) -> None:
    if not source.get("name"):
        errors.required("name")
    _items(source, errors, paths)


def _of_pod(source: Obj, errors: FieldErrors, paths: _Paths) -> None:
    for item in source.get("items") or ():
        _downward_file(item, errors)
        if item.get("path"):
            paths.take(item["path"])


def _token(source: Obj, errors: FieldErrors, paths: _Paths) -> None:
    """What is wrong with the path stands at the volume, as upstream has it."""
    seconds, path = source.get("expirationSeconds"), source.get("path") or ""
    if seconds is None:
        errors.required("expirationSeconds")
    elif seconds < _MIN_TOKEN_SECONDS:
        errors.invalid(seconds, "may not specify a duration less than 10 minutes", "expirationSeconds")
    elif seconds > _MAX_TOKEN_SECONDS:
        errors.invalid(seconds, "may not specify a duration larger than 2^32 seconds", "expirationSeconds")
    if not path:
        paths.errors.required("path")
    else:
        file_path(path, "path", paths.errors)
    user_id(source, "user", errors)


def _bundle(source: Obj, errors: FieldErrors, paths: _Paths) -> None:
    name, signer, path = source.get("name"), source.get("signerName"), source.get("path") or ""
    selector = source.get("labelSelector")
    if name is not None and signer is not None:
        errors.invalid(source, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            errors.required("name", "must be a valid object name")
        for message in _bundle_name(name):
            errors.invalid(name, f"not a valid clustertrustbundlename: {message}", "name")
        if selector is not None:
            errors.invalid(selector, "labelSelector must be unset if name is specified", "labelSelector")
    elif signer is not None:
        if not signer:
            errors.required("signerName", "must be a valid signer name")
        validate_signer_name(signer, errors.at("signerName"))
        validate_label_selector(selector, errors.at("labelSelector"))
    else:
        errors.required(detail="either name or signerName must be specified")
    if not path:
        errors.required("path")
    user_id(source, "user", errors)
    file_path(path, "path", errors)
    paths.take(path)


def _bundle_name(name: str) -> list[str]:
    """`signer:domain:name` of a bundle that belongs to a signer, else a name without colons."""
    signer, colon, rest = name.rpartition(":")
    return names.dns1123_subdomain(rest if colon and signer else name)


def _is_kubernetes_signer(signer: str) -> bool:
    domain = signer.partition("/")[0]
    return domain == "kubernetes.io" or domain.endswith(".kubernetes.io")


def _certificate(source: Obj, errors: FieldErrors, paths: _Paths) -> None:
    signer, seconds = source.get("signerName") or "", source.get("maxExpirationSeconds")
    validate_signer_name(signer, errors.at("signerName"))
    user_id(source, "user", errors)
    if source.get("keyType") not in KEY_TYPES:
        errors.not_supported(source.get("keyType") or "", KEY_TYPES, "keyType")
    if seconds is not None:
        most = _DAY if _is_kubernetes_signer(signer) else 91 * _DAY
        if seconds < _MIN_CERTIFICATE_SECONDS:
            errors.invalid(
                seconds, "if provided, maxExpirationSeconds must be >= 3600", "maxExpirationSeconds"
            )
        if seconds > most:
            errors.invalid(
                seconds, f"if provided, maxExpirationSeconds must be <= {most}", "maxExpirationSeconds"
            )
    given = [
        field for field in ("credentialBundlePath", "keyPath", "certificateChainPath") if source.get(field)
    ]
    for field in given:
        file_path(source[field], field, errors)
        paths.take(source[field])
    if not given:
        errors.required(
            detail="specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        )


_PROJECTIONS: dict[str, Any] = {
    "secret": _of_object,
    "configMap": _of_object,
    "downwardAPI": _of_pod,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _bundle,
    "podCertificate": _certificate,
}
