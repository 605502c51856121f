"""Where a webhook is: a URL or a Service. Also for the conversion webhooks of CustomResourceDefinitions."""

from __future__ import annotations

from urllib.parse import urlsplit

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import MutableObj, Obj

HTTPS_PORT = 443
_FORM = "; desired format: https://host[/path]"


def default_client_config(config: MutableObj) -> None:
    service = config.get("service")
    if service is not None and not service.get("port"):
        service["port"] = HTTPS_PORT


def validate_client_config(config: Obj, errors: FieldErrors) -> None:
    """`errors` stands at the `clientConfig`."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        errors.required("", "exactly one of url or service is required")
    elif url is not None:
        validate_url(url, errors.at("url"))
    elif service is not None:
        validate_service(service, errors.at("service"))


def validate_url(url: str, errors: FieldErrors) -> None:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError as error:
        errors.required("", f"url must be a valid URL: {error}{_FORM}")
        return
    if parts.scheme != "https":
        errors.invalid(parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    if not host:
        errors.invalid(host, f"host must be specified{_FORM}")
    if "@" in parts.netloc:
        errors.invalid(parts.netloc.rpartition("@")[0], "user information is not permitted in the URL")
    if parts.fragment:
        errors.invalid(parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        errors.invalid(parts.query, "query parameters are not permitted in the URL")


def validate_service(service: Obj, errors: FieldErrors) -> None:
    if not service.get("name"):
        errors.required("name", "service name is required")
    if not service.get("namespace"):
        errors.required("namespace", "service namespace is required")
    port = service.get("port") or 0
    if problems := names.port_number(port):
        errors.invalid(port, f"port is not valid: {', '.join(problems)}", "port")
    _validate_path(service.get("path") or "", errors)


def _validate_path(path: str, errors: FieldErrors) -> None:
    if path in ("", "/"):
        return
    if path == "//":
        errors.invalid(path, "segment[0] may not be empty", "path")
        return
    if not path.startswith("/"):
        errors.invalid(path, "must start with a '/'", "path")
    for index, segment in enumerate(path[1:].removesuffix("/").split("/")):
        if not segment:
            errors.invalid(path, f"segment[{index}] may not be empty", "path")
            continue
        for message in names.dns1123_subdomain(segment):
            errors.invalid(path, f"segment[{index}]: {message}", "path")
