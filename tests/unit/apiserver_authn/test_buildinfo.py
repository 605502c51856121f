"""What `/version` says of the program."""

from __future__ import annotations

import re
from pathlib import Path

from pybernetes.apiserver.buildinfo import revision, version

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_every_field_is_told() -> None:
    told = version()
    assert set(told) == {
        "major",
        "minor",
        "emulationMajor",
        "emulationMinor",
        "minCompatibilityMajor",
        "minCompatibilityMinor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    }
    assert told["gitVersion"].startswith("v1.37.")
    assert re.fullmatch(r"[a-z0-9]+/[a-z0-9]+", told["platform"])
    assert re.fullmatch(r"([0-9a-f]{40})?", told["gitCommit"])


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text(f"{COMMIT}\n")
    assert revision(tmp_path) == (COMMIT, "")
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert revision(tmp_path) == (COMMIT, "")
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text(f"{COMMIT[::-1]}\n")
    assert revision(tmp_path) == (COMMIT[::-1], "")


def test_no_sources_no_commit(tmp_path: Path) -> None:
    assert revision(tmp_path) == ("", "")
