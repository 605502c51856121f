"""The rules of probes and lifecycle hooks."""

from __future__ import annotations

import re
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.values import non_negative, port
from .signals import LINUX_SIGNALS, WINDOWS_SIGNALS

HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
SCHEMES = ["HTTP", "HTTPS"]
_HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")
_BAD_HEADER = (
    "a valid HTTP header must consist of alphanumeric characters or '-' "
    "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
)


def validate_probe(probe: Any, name: str, grace: int | None, errors: FieldErrors) -> None:
    """One probe; `name` is its field (only a readiness probe may need more than one success), `grace` the pod's."""
    if probe is None:
        return
    _validate_handler(probe, HANDLERS, grace, errors)
    for field in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        non_negative(probe, field, errors)
    own = probe.get("terminationGracePeriodSeconds")
    if own is not None and own <= 0:
        errors.invalid(own, "must be greater than 0", "terminationGracePeriodSeconds")
    if name == "readinessProbe":
        if own is not None:
            errors.invalid(own, "must not be set for readinessProbes", "terminationGracePeriodSeconds")
    elif probe.get("successThreshold", 1) != 1:
        errors.invalid(probe["successThreshold"], "must be 1", "successThreshold")


def validate_lifecycle(lifecycle: Any, grace: int | None, system: Any, errors: FieldErrors) -> None:
    """`system` is the pod's `os`, where it says so."""
    if lifecycle is None:
        return
    for hook in ("postStart", "preStop"):
        if lifecycle.get(hook) is not None:
            _validate_handler(lifecycle[hook], HOOK_HANDLERS, grace, errors.at(hook))
    signal = lifecycle.get("stopSignal")
    if signal is None:
        return
    if system is None:
        errors.forbidden("may not be set for containers with empty `spec.os.name`", "stopSignal")
        return
    known = {"windows": WINDOWS_SIGNALS, "linux": LINUX_SIGNALS}.get(system.get("name"))
    if known is not None and signal not in known:
        errors.not_supported(signal, known, "stopSignal")


def _validate_handler(handler: Obj, kinds: tuple[str, ...], grace: int | None, errors: FieldErrors) -> None:
    """The first that is given is looked into."""
    given = [kind for kind in kinds if handler.get(kind) is not None]
    if not given:
        errors.required(detail="must specify a handler type")
        return
    kind = given[0]
    action, at = handler[kind], errors.at(kind)
    if kind == "exec" and not action.get("command"):
        at.required("command")
    elif kind == "httpGet":
        _validate_http(action, at)
    elif kind in ("tcpSocket", "grpc"):
        port(action.get("port"), "port", at)
        if kind == "grpc" and action.get("mode") not in (None, "Plaintext", "TLS"):
            at.not_supported(action["mode"], ["Plaintext", "TLS"], "mode")
    elif kind == "sleep":
        seconds = action.get("seconds") or 0
        if grace is not None and not 0 <= seconds <= grace:
            why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            at.invalid(seconds, why)
    for extra in given[1:]:
        errors.forbidden("may not specify more than 1 handler type", extra)


def _validate_http(action: Obj, errors: FieldErrors) -> None:
    scheme, protocol = action.get("scheme") or "", action.get("protocol")
    if not action.get("path"):
        errors.required("path")
    port(action.get("port"), "port", errors)
    if scheme not in SCHEMES:
        errors.not_supported(scheme, SCHEMES, "scheme")
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        if not _HEADER_NAME.fullmatch(name):
            errors.invalid(name, _BAD_HEADER, "httpHeaders")
    if protocol is None:
        return
    if protocol not in ("HTTP1", "HTTP2"):
        errors.not_supported(protocol, ["HTTP1", "HTTP2"], "protocol")
    elif protocol == "HTTP2" and scheme != "HTTP":
        errors.invalid(protocol, "is only supported with HTTP (H2C)", "protocol")
    elif protocol == "HTTP2" and action.get("host"):
        errors.invalid(action["host"], 'must be empty when `protocol` is "HTTP2"', "host")
