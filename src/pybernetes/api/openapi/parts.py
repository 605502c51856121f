"""Subresources in the OpenAPI documents: what can be done with each, and of which kind their bodies are."""

from __future__ import annotations

from dataclasses import dataclass

from pybernetes.api.kind import Kind

_WHOLE = ("get", "update", "patch")


@dataclass(frozen=True, slots=True)
class Part:
    """`body` is group, version, kind and definition of what is sent and answered; None: the object itself."""

    verbs: tuple[str, ...]
    body: tuple[str, str, str, str] | None = None


PARTS = {
    "approval": Part(_WHOLE),
    "binding": Part(("create",), ("", "v1", "Binding", "io.k8s.api.core.v1.Binding")),
    "ephemeralcontainers": Part(_WHOLE),
    "eviction": Part(("create",), ("policy", "v1", "Eviction", "io.k8s.api.policy.v1.Eviction")),
    "finalize": Part(("update",)),
    "resize": Part(_WHOLE),
    "scale": Part(_WHOLE, ("autoscaling", "v1", "Scale", "io.k8s.api.autoscaling.v1.Scale")),
    "status": Part(_WHOLE),
    "token": Part(
        ("create",),
        ("authentication.k8s.io", "v1", "TokenRequest", "io.k8s.api.authentication.v1.TokenRequest"),
    ),
}
"""Those that connect (log, exec, proxy, …) take and give no objects, and are not in the documents."""


def body_of(kind: Kind, part: str) -> tuple[str, str, str, str]:
    """Group, version, kind and definition of the bodies of a subresource ("": of the object)."""
    found = PARTS[part].body if part else None
    return found or (kind.group, kind.version, kind.kind, kind.schema)


def definitions(kind: Kind) -> list[str]:
    """The definitions that the subresources of a kind refer to besides the kind's own."""
    return [part.body[3] for name in kind.subresources if (part := PARTS.get(name)) and part.body]
