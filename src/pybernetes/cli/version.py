"""`pyber version`."""

from __future__ import annotations

import argparse

from pybernetes import __version__


def configure(_parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(_arguments: argparse.Namespace) -> int:
    print(f"pybernetes {__version__} (Kubernetes v1.37)")
    return 0
