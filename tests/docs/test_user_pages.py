"""Every Python snippet of the pages for users runs: test files by pytest with our plugin, all others as programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "users"
SNIPPETS = [
    (page.name, number, code)
    for page in sorted(PAGES.glob("*.md"))
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("page", "number", "code"), SNIPPETS, ids=[f"{p}-{n}" for p, n, _ in SNIPPETS])
def test_snippet(page: str, number: int, code: str, tmp_path: Path) -> None:
    file = tmp_path / f"test_snippet_{number}.py"
    file.write_text(code)
    if re.search(r"^(async )?def test_", code, re.MULTILINE):
        command = [
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "pybernetes.testing.plugin",
            file.name,
        ]
    else:
        command = [file.name]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert done.returncode == 0, f"{page}, snippet {number}:\n{done.stdout}\n{done.stderr}"
    assert done.stdout
