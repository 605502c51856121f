"""What `/version` tells: upstream's fields, with what is known of this program, and upstream's words for what is not."""

from __future__ import annotations

import json
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from .config import GIT_VERSION

UNKNOWN_DATE = "1970-01-01T00:00:00Z"
"""What upstream's own program says where nobody told it when it was built."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""The kernel's name of an architecture -> Go's."""


@cache
def version() -> dict[str, str]:
    """The answer. There is no Go here: its version is that of the interpreter."""
    commit, state = revision(Path(__file__).resolve().parents[3])
    machine = platform.machine()
    return {
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": GIT_VERSION,
        "gitCommit": commit,
        "gitTreeState": state,
        "buildDate": UNKNOWN_DATE,
        "goVersion": f"python{platform.python_version()}",
        "compiler": sys.implementation.name,
        "platform": f"{sys.platform}/{ARCHITECTURES.get(machine, machine)}",
    }


def revision(root: Path) -> tuple[str, str]:
    """The commit of the sources in `root`, or of those that were installed, and the state of their tree: `clean`; "" for
    what is not known."""
    if commit := _checked_out(root / ".git"):
        return commit, ""
    if commit := _installed():
        return commit, "clean"
    return "", ""


def _checked_out(git: Path) -> str:
    """The commit that a repository is at, "" where there is none."""
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(" ")[0] for line in packed if line.endswith(f" {name}")), "")


def _installed() -> str:
    """The commit that an installer notes of what it took from a repository (PEP 610)."""
    try:
        text = metadata.distribution("pybernetes").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return ""
    noted = json.loads(text or "{}").get("vcs_info") or {}
    return str(noted.get("commit_id") or "")
