"""Changing how a running cluster of the library decides where pods go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pybernetes.scheduler.configuration.profiles import profiles_of
from pybernetes.scheduler.configuration.read import read, read_file
from pybernetes.scheduler.configuration.types import Configuration
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.scheduler import NAME

if TYPE_CHECKING:
    from .composition import Composition


def schedule_by(
    parts: Composition, plugins: Sequence[Plugin], configuration: str | Path | Configuration | None
) -> None:
    """Has the scheduler, and each that takes its place after a crash, decide so. Raises ConfigurationError; everything is
    as before then."""
    if isinstance(configuration, Path):
        configuration = read_file(configuration)
    elif isinstance(configuration, str):
        configuration = read(configuration)
    profiles_of(configuration, NAME, plugins)
    parts.scheduling = (configuration, tuple(plugins))
    if parts.scheduler is not None:
        parts.scheduler.use(configuration, tuple(plugins))
