"""The flags of the audit log, which `pyber up` and `pyber kube-apiserver` share, under upstream's names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybernetes.apiserver.audit.auditor import AuditConfig


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--audit-policy-file", type=Path, help="which requests are logged (audit.k8s.io/v1 Policy)")
    add(
        "--audit-log-path",
        default="",
        help='where audit events go, one JSON line each; "-" is standard output',
    )
    add("--audit-log-maxage", type=int, default=0, help="days that old audit logs are kept; 0: for ever")
    add("--audit-log-maxbackup", type=int, default=0, help="old audit logs that are kept; 0: all")
    add(
        "--audit-log-maxsize",
        type=int,
        default=100,
        help="megabytes of an audit log after which a new one is begun",
    )


def audit_of(arguments: argparse.Namespace, program: str) -> AuditConfig | None:
    """What the flags ask for. Exits with a message that names the flag, the file and the field."""
    policy_file, path = arguments.audit_policy_file, arguments.audit_log_path
    if not path:
        if policy_file is not None:
            raise SystemExit(f"{program}: --audit-policy-file needs --audit-log-path")
        return None
    if policy_file is None:
        raise SystemExit(f"{program}: --audit-log-path needs --audit-policy-file, which says what is logged")
    for flag in ("audit_log_maxage", "audit_log_maxbackup", "audit_log_maxsize"):
        if getattr(arguments, flag) < 0:
            raise SystemExit(f"{program}: --{flag.replace('_', '-')} must not be negative")
    from pybernetes.apiserver.audit.auditor import AuditConfig
    from pybernetes.apiserver.audit.logfile import LogPlace
    from pybernetes.apiserver.audit.policy import BadPolicy, parse

    try:
        policy = parse(policy_file.read_bytes())
    except OSError as error:
        raise SystemExit(
            f"{program}: --audit-policy-file: failed to read file path {str(policy_file)!r}: {error.strerror}"
        ) from error
    except BadPolicy as error:
        raise SystemExit(f"{program}: --audit-policy-file {policy_file}: {error}") from error
    place = LogPlace(
        path, arguments.audit_log_maxage, arguments.audit_log_maxbackup, arguments.audit_log_maxsize
    )
    return AuditConfig(policy, place)
