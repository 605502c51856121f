"""Asking a plugin: what it raises names it, and how long it takes is measured now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from . import timings

if TYPE_CHECKING:
    from .framework import Plugin
    from .profile import Profile

T = TypeVar("T")


class PluginError(Exception):
    """A plugin raised: the pod cannot be decided on. The message names the plugin and the extension point."""

    def __init__(self, plugin: str, point: str, error: Exception) -> None:
        super().__init__(f'running {point} plugin "{plugin}": {error}')
        self.plugin = plugin


def asked(profile: Profile, plugin: Plugin, point: str, function: Callable[..., T], *arguments: object) -> T:
    """Calls a plugin's function. Raises PluginError where it raises anything."""
    times = profile.timings
    if not times.sampled:
        try:
            return function(*arguments)
        except Exception as error:
            raise PluginError(plugin.name, point, error) from error
    began = timings.now()
    try:
        answer = function(*arguments)
    except Exception as error:
        times.plugin(plugin.name, point, timings.now() - began, "Error")
        raise PluginError(plugin.name, point, error) from error
    times.plugin(plugin.name, point, timings.now() - began)
    return answer
