"""The signals that may stop a container."""

from __future__ import annotations

_NAMED = (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP "
    "TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ"
)
_REAL_TIME = (
    "RTMIN",
    *(f"RTMIN+{number}" for number in range(1, 16)),
    *(f"RTMAX-{number}" for number in range(14, 0, -1)),
    "RTMAX",
)
LINUX_SIGNALS = sorted(f"SIG{name}" for name in (*_NAMED.split(), *_REAL_TIME))
WINDOWS_SIGNALS = ["SIGKILL", "SIGTERM"]
