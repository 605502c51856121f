"""Makes `fake_runtime` importable by the tests of this folder and of the API server's connect."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
