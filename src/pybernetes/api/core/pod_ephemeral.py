"""Debug containers (`pods/x/ephemeralcontainers`): they may be added, not removed or changed."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from ..meta import Obj, annotations_of
from .pod_annotations import MIRROR, validate_annotations_update


def validate_ephemeral_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A static pod is its kubelet's: whatever else is wrong is not said."""
    if MIRROR in annotations_of(old):
        errors.forbidden("static pods do not support ephemeral containers", "[]")
        return
    validate_annotations_update(new, old, errors)
    now = {each.get("name"): each for each in (new.get("spec") or {}).get("ephemeralContainers") or ()}
    at = errors.at("spec", "ephemeralContainers")
    for container in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = container.get("name")
        if name not in now:
            at.forbidden(f'existing ephemeral containers "{name}" may not be removed\n')
        elif now[name] != container:
            text = _difference(container, now[name])
            at.forbidden(f'existing ephemeral containers "{name}" may not be changed\n{text}')


def _difference(before: Obj, after: Obj) -> str:
    from pybernetes.lang.structdiff import (
        struct_difference,
    )  # with its table only needed where a change is refused

    from ..podspec.gotypes import struct

    return struct_difference(struct("EphemeralContainer"), before, after)
