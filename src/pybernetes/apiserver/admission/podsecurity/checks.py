"""The checks of the Pod Security Standards, one small function each, and the table of them.

A check sees a pod's metadata and spec and answers what is wrong, or None. The table says from which level and from which
minor version on it counts; a later row of the same id replaces an earlier one from its version on. Order is the order of
messages: those of baseline first, then those of restricted, each by id, as upstream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pybernetes.api.meta import Obj

from . import checks_baseline as baseline
from . import checks_restricted as restricted
from .findings import Finding
from .levels import LevelVersion

Judge = Callable[[Obj, Obj], Finding | None]
"""(metadata, spec) -> what is wrong."""


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    level: str
    minor: int
    """The first minor version in which it counts."""
    judge: Judge
    replaces: str = ""
    """The baseline check that this one includes, so that only one of them speaks."""


CHECKS: tuple[Check, ...] = (
    Check("appArmorProfile", "baseline", 0, baseline.app_armor_profile),
    Check("capabilities_baseline", "baseline", 0, baseline.capabilities),
    Check("hostNamespaces", "baseline", 0, baseline.host_namespaces),
    Check("hostPathVolumes", "baseline", 0, baseline.host_path_volumes),
    Check("hostPorts", "baseline", 0, baseline.host_ports),
    Check("hostProbesAndHostLifecycle", "baseline", 34, baseline.host_probes_and_host_lifecycle),
    Check("privileged", "baseline", 0, baseline.privileged),
    Check("procMount", "baseline", 0, baseline.proc_mount),
    Check("procMount", "baseline", 35, baseline.proc_mount_unless_user_namespaced),
    Check("seLinuxOptions", "baseline", 0, baseline.selinux_options),
    Check("seLinuxOptions", "baseline", 31, baseline.selinux_options_1_31),
    Check("seccompProfile_baseline", "baseline", 0, baseline.seccomp_annotations),
    Check("seccompProfile_baseline", "baseline", 19, baseline.seccomp_profile),
    Check("sysctls", "baseline", 0, baseline.sysctls),
    Check("sysctls", "baseline", 27, baseline.sysctls_1_27),
    Check("sysctls", "baseline", 29, baseline.sysctls_1_29),
    Check("sysctls", "baseline", 32, baseline.sysctls_1_32),
    Check("windowsHostProcess", "baseline", 0, baseline.windows_host_process),
    Check("allowPrivilegeEscalation", "restricted", 8, restricted.allow_privilege_escalation),
    Check("allowPrivilegeEscalation", "restricted", 25, restricted.allow_privilege_escalation_on_linux),
    Check("capabilities_restricted", "restricted", 22, restricted.capabilities, "capabilities_baseline"),
    Check(
        "capabilities_restricted",
        "restricted",
        25,
        restricted.capabilities_on_linux,
        "capabilities_baseline",
    ),
    Check("restrictedVolumes", "restricted", 0, restricted.volumes, "hostPathVolumes"),
    Check("runAsNonRoot", "restricted", 0, restricted.run_as_non_root),
    Check("runAsNonRoot", "restricted", 35, restricted.run_as_non_root_unless_user_namespaced),
    Check("runAsUser", "restricted", 23, restricted.run_as_user),
    Check("runAsUser", "restricted", 35, restricted.run_as_user_unless_user_namespaced),
    Check(
        "seccompProfile_restricted", "restricted", 19, restricted.seccomp_profile, "seccompProfile_baseline"
    ),
    Check(
        "seccompProfile_restricted",
        "restricted",
        25,
        restricted.seccomp_profile_on_linux,
        "seccompProfile_baseline",
    ),
)


@lru_cache(maxsize=64)
def checks_of(at: LevelVersion) -> tuple[Check, ...]:
    """The checks that count at a level and version, in the order of their messages."""
    chosen: dict[str, Check] = {}
    if at.level == "privileged":
        return ()
    for check in CHECKS:
        if check.minor <= at.minor and (check.level == "baseline" or at.level == "restricted"):
            chosen[check.id] = check
    for replaced in {check.replaces for check in chosen.values()}:
        chosen.pop(replaced, None)
    return tuple(chosen.values())


def evaluate(at: LevelVersion, metadata: Obj, spec: Obj) -> list[Finding]:
    """Everything that is wrong with a pod (or a template) at a level."""
    found = (check.judge(metadata, spec) for check in checks_of(at))
    return [finding for finding in found if finding is not None]
