"""AlwaysDeny: refuses every write (for tests of the machinery; off unless enabled)."""

from __future__ import annotations

from .plugin import Admission, Plugin


def _validate(admission: Admission) -> None:
    raise admission.forbidden("admission control is denying all modifications")


ALWAYS_DENY = Plugin("AlwaysDeny", validate=_validate, default=False)
