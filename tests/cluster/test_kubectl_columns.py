"""What `kubectl get -o wide` prints of one object of every kind, against a golden of upstream's columns."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest

from tests.pyberup import Kubectl, eventually

pytestmark = pytest.mark.peer
COLUMNS = Path(__file__).parent / "columns"
MASKED = (
    (r"\b\d+(ms|s|m\d+s)\b", "AGE"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"controller-uid=[0-9a-f-]{36}", "controller-uid=UID"),
)
"""What differs from run to run."""


def signing_request(directory: Path) -> str:
    """A certificate request in base64, made by openssl."""
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            str(directory / "key"),
            "-subj",
            "/CN=me",
        ],
        check=True,
        capture_output=True,
    )
    return base64.b64encode(made.stdout).decode()


def printed(kubectl: Kubectl, namespace: str, manifest: str) -> str:
    """The tables, a kind after the other, ages masked."""
    text = kubectl("get", "-n", namespace, "-f", "-", "-o", "wide", stdin=manifest, timeout=120)
    lines = [re.sub(r" +", " ", line).strip() for line in text.splitlines()]
    for pattern, shown in MASKED:
        lines = [re.sub(pattern, shown, line) for line in lines]
    return "\n".join(lines).replace(namespace, "NAMESPACE") + "\n"


def test_every_kind_shows_upstreams_columns(kubectl: Kubectl, namespace: str, tmp_path: Path) -> None:
    manifest = (COLUMNS / "objects.yaml").read_text().replace("@CSR@", signing_request(tmp_path))
    applied = kubectl("apply", "-n", namespace, "-f", "-", stdin=manifest, timeout=120)
    assert len(applied.splitlines()) == manifest.count("\nkind: ")
    golden = (COLUMNS / "golden.txt").read_text()
    shown = [""]

    def is_golden() -> bool:
        shown[0] = printed(kubectl, namespace, manifest)
        return shown[0] == golden

    try:
        eventually("what controllers add to the objects", is_golden, 20)
    except AssertionError:
        (tmp_path / "got").write_text(shown[0])
        assert shown[0] == golden
    kubectl("delete", "-n", namespace, "-f", "-", "--wait=false", stdin=manifest, timeout=120)
