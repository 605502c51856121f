"""What a namespace's labels ask for: a level of the Pod Security Standards, as of a version, for each of three modes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pybernetes.api.fielderrors import FieldErrors

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
"""From the most to the least permissive."""
LATEST = 1 << 30
"""The minor version that stands for "latest"."""
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class LevelVersion:
    """`restricted:v1.24`; `minor` is LATEST for `latest`."""

    level: str = "privileged"
    minor: int = LATEST

    @property
    def rank(self) -> int:
        return LEVELS.index(self.level)

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor == LATEST else f'v1.{self.minor}'}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is refused, what goes into the audit annotations, what is warned about."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()

    @property
    def privileged(self) -> bool:
        return all(mode.level == "privileged" for mode in (self.enforce, self.audit, self.warn))


def policy_of(labels: Mapping[str, str], errors: FieldErrors) -> Policy:
    """The policy of a namespace. A level that is no level enforces `restricted` and audits and warns of nothing."""
    if not any(key.startswith(PREFIX) for key in labels):
        return UNLABELLED
    enforce = _mode(labels, "enforce", "restricted", errors)
    policy = Policy(
        enforce, _mode(labels, "audit", "privileged", errors), _mode(labels, "warn", "privileged", errors)
    )
    enforced_well = labels.get(f"{PREFIX}enforce") in LEVELS
    if f"{PREFIX}warn" not in labels and enforced_well and enforce.rank > policy.warn.rank:
        # What will be refused as a pod is warned of as a template, unless the namespace says otherwise.
        minor = policy.warn.minor if f"{PREFIX}warn-version" in labels else enforce.minor
        policy = replace(policy, warn=LevelVersion(enforce.level, minor))
    return policy


UNLABELLED = Policy()


def _mode(labels: Mapping[str, str], mode: str, failing: str, errors: FieldErrors) -> LevelVersion:
    level = labels.get(f"{PREFIX}{mode}", "privileged")
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    at = errors.at("metadata", "labels")
    if level not in LEVELS:
        at.at_key(f"{PREFIX}{mode}").invalid(level, f"must be one of {', '.join(LEVELS)}")
        level = failing
    minor = LATEST
    if version != "latest":
        match = _VERSION.fullmatch(version)
        if match is None:
            at.at_key(f"{PREFIX}{mode}-version").invalid(version, 'must be "latest" or "v1.x"')
        else:
            minor = int(match[1])
    return LevelVersion(level, minor)
