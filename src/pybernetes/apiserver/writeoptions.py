"""The query parameters of writes: CreateOptions, UpdateOptions and PatchOptions, checked as upstream checks them."""

from __future__ import annotations

from pybernetes.api.errors import Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.lang.apply import managers

from .context import RequestContext
from .user import node_of

GROUP = "meta.k8s.io"
FIELD_VALIDATION = ("Ignore", "Strict", "Warn")


def check_options(ctx: RequestContext, options: str, *, applies: bool = False, patches: bool = False) -> None:
    """Raises Invalid where `dryRun`, `fieldManager`, `fieldValidation` or `force` is wrong. `options` is their type's
    name; `applies` is True for an apply patch, `patches` for any other patch."""
    query = ctx.query
    if not query and not applies:
        return
    errors = FieldErrors()
    manager = query.get("fieldManager", "")
    if patches and "force" in query:
        errors.forbidden("may not be specified for non-apply patch", "force")
    if applies and not manager:
        errors.required("fieldManager", "is required for apply patch")
    if manager and (len(manager) > managers.MAX_NAME or not manager.isprintable()):
        _check_manager(manager, errors)
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        errors.not_supported([dry_run], ("All",), "dryRun")
    validation = query.get("fieldValidation", "")
    if validation and validation not in FIELD_VALIDATION:
        errors.not_supported(validation, FIELD_VALIDATION, "fieldValidation")
    if not errors:
        return
    lines = list(errors)
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    raise Invalid(f'{options}.{GROUP} "" is invalid: {text}', group=GROUP, kind=options, causes=errors.causes)


def forced(ctx: RequestContext) -> bool:
    """Whether an apply takes fields from their owners."""
    return ctx.query.get("force", "").lower() in ("true", "1", "t")


def manager_of(ctx: RequestContext) -> str:
    """Who writes: `fieldManager`, else the client's program; a component of this process by its user's last name."""
    given = ctx.query.get("fieldManager", "")
    if given:
        return given
    if ctx.request is not None:
        return managers.name_from_user_agent(ctx.request.headers.get("user-agent", ""))
    return "kubelet" if node_of(ctx.user) else ctx.user.name.rpartition(":")[2][: managers.MAX_NAME]


def _check_manager(manager: str, errors: FieldErrors) -> None:
    if len(manager.encode()) > managers.MAX_NAME:
        errors.too_long(managers.MAX_NAME, "fieldManager")
    for position, char in enumerate(manager):
        if not char.isprintable():
            errors.invalid(
                manager, f"invalid character U+{ord(char):04X} (at position {position})", "fieldManager"
            )
