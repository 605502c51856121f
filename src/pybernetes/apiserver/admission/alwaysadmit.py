"""AlwaysAdmit: admits every write; what upstream keeps for scripts that still name it (off unless enabled)."""

from __future__ import annotations

from .plugin import Plugin

ALWAYS_ADMIT = Plugin("AlwaysAdmit", default=False)
