"""DenyServiceExternalIPs: Services get no new external IPs (off unless enabled)."""

from __future__ import annotations

from .plugin import Admission, Plugin


def _validate(admission: Admission) -> None:
    if not admission.writes("", "services", "CREATE", "UPDATE"):
        return
    wanted = set((admission.object.get("spec") or {}).get("externalIPs") or ())
    there = set(((admission.old or {}).get("spec") or {}).get("externalIPs") or ())
    if wanted - there:
        raise admission.forbidden("Use of external IPs is denied by admission control")


DENY_SERVICE_EXTERNAL_IPS = Plugin("DenyServiceExternalIPs", validate=_validate, default=False)
