"""The rules of probes and lifecycle hooks."""

from __future__ import annotations

import re
from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.values import non_negative, one_of, port

HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_HEADER_NAME = re.compile(r"[-A-Za-z0-9]+")


def validate_probe(probe: Any, name: str, errors: FieldErrors) -> None:
    """One probe; `name` is its field (only a readiness probe may need more than one success)."""
    if probe is None:
        return
    _validate_handler(probe, HANDLERS, errors)
    for field in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        non_negative(probe, field, errors)
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        errors.invalid(probe["successThreshold"], "must be 1", "successThreshold")
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None:
        if name == "readinessProbe":
            errors.invalid(grace, "must not be set for readinessProbes", "terminationGracePeriodSeconds")
        elif grace <= 0:
            errors.invalid(grace, "must be greater than 0", "terminationGracePeriodSeconds")


def validate_lifecycle(lifecycle: Any, errors: FieldErrors) -> None:
    for hook in ("postStart", "preStop"):
        if lifecycle and lifecycle.get(hook) is not None:
            _validate_handler(lifecycle[hook], HOOK_HANDLERS, errors.at(hook))


def _validate_handler(handler: Obj, kinds: tuple[str, ...], errors: FieldErrors) -> None:
    given = [kind for kind in kinds if handler.get(kind) is not None]
    for kind in given[1:]:
        errors.forbidden("may not specify more than 1 handler type", kind)
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
    elif kind == "sleep":
        non_negative(action, "seconds", at)


def _validate_http(action: Obj, errors: FieldErrors) -> None:
    if not action.get("path"):
        errors.required("path")
    port(action.get("port"), "port", errors)
    one_of(action, "scheme", ("HTTP", "HTTPS"), errors, required=True)
    for index, header in enumerate(action.get("httpHeaders") or ()):
        name = header.get("name", "")
        if not _HEADER_NAME.fullmatch(name):
            errors.at("httpHeaders", index).invalid(
                name,
                "a valid HTTP header must consist of alphanumeric characters or '-' "
                "(e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
                "name",
            )
