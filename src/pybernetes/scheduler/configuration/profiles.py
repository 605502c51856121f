"""From settings to profiles: which plugins are at which extension point, with their arguments and weights.

The rules are upstream's: the default plugins are enabled at every point they can be at ("multiPoint"); a profile takes
some away, adds others, and may do the same for single points, whose plugins go before (where they are in multiPoint
too) or after.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from ..framework import Plugin
from ..plugins.table import KNOWN, PLUGINS
from ..profile import POINTS, UPSTREAM, Profile, from_points, has_point
from .arguments import MAKERS
from .types import Configuration, ConfigurationError, PluginSet, ProfileSettings

GROUP = "pybernetes.scheduler.plugins"
"""The entry points through which packages offer plugins: a Plugin, or a function from arguments to one."""
MULTI_POINT = "multiPoint"


def profiles_of(
    configuration: Configuration | None, name: str, plugins: Sequence[Plugin] = ()
) -> tuple[Profile, ...]:
    """The profiles of a configuration, or the default one under `name`; `plugins` of one's own are added to each: one
    that sorts the queue takes PrioritySort's place, one that binds goes before DefaultBinder, and one under the name of
    an upstream plugin stands in for it. Raises ConfigurationError."""
    settings = configuration or Configuration(profiles=(ProfileSettings(name),))
    profiles = tuple(_profile(settings, each, plugins) for each in settings.profiles)
    sorts = {profile.queue_sort.name for profile in profiles}
    if len(sorts) > 1:
        raise ConfigurationError(
            settings.source, "profiles", "different queue sort plugins for profiles: all must sort alike"
        )
    return profiles


def _profile(configuration: Configuration, settings: ProfileSettings, own: Sequence[Plugin]) -> Profile:
    _check_own(configuration, own)
    made = _Made(configuration, settings, own)
    given = settings.plugins.get(MULTI_POINT, PluginSet())
    everywhere = _merged(_defaults(own), given)
    points: dict[str, tuple[Plugin, ...]] = {}
    weights = {made.plugin(name, path).name: weight for name, weight, path in everywhere if weight}
    for point in POINTS:
        chosen = settings.plugins.get(point, PluginSet())
        points[point] = _at_point(made, point, everywhere, chosen)
        weights.update({made.plugin(name, path).name: n for name, n, path in chosen.enabled if n})
    made.check_arguments()
    for point, what in (("queueSort", "queue sort"), ("bind", "bind")):
        if not points[point]:
            raise made.fail(f"plugins.{point}", f"at least one {what} plugin is needed")
    if len(points["queueSort"]) > 1:
        names = ", ".join(plugin.name for plugin in points["queueSort"])
        raise made.fail("plugins.queueSort", f"only one queue sort plugin can be enabled, not {names}")
    return from_points(settings.name, points, KNOWN - {plugin.name for plugin in own}, weights)


def _check_own(configuration: Configuration, own: Sequence[Plugin]) -> None:
    """Raises ConfigurationError where plugins of one's own cannot be put into a profile."""
    seen: set[str] = set()
    for plugin in own:
        if not isinstance(plugin, Plugin):
            raise ConfigurationError(configuration.source, "", f"{plugin!r} is no Plugin")
        if not plugin.name or plugin.name in seen:
            problem = f"the name {plugin.name!r} is taken" if plugin.name else "a plugin needs a name"
            raise ConfigurationError(configuration.source, "", problem)
        if not any(has_point(plugin, point) for point in POINTS):
            problem = f"plugin {plugin.name!r} is at no extension point"
            raise ConfigurationError(configuration.source, "", problem)
        seen.add(plugin.name)


def _defaults(own: Sequence[Plugin]) -> PluginSet:
    """What is enabled everywhere: upstream's plugins and those of one's own, in the order in which they are asked."""
    replaced = {plugin.name for plugin in own}
    if any(plugin.queue_sort for plugin in own):
        replaced.update(plugin.name for plugin in PLUGINS if plugin.queue_sort is not None)
    kept = [plugin for plugin in PLUGINS if plugin.name not in replaced and plugin.bind is None]
    last = [plugin for plugin in PLUGINS if plugin.name not in replaced and plugin.bind is not None]
    return PluginSet(tuple((plugin.name, 0, "") for plugin in (*kept, *own, *last)))


def _at_point(
    made: _Made, point: str, everywhere: list[tuple[str, int, str]], chosen: PluginSet
) -> tuple[Plugin, ...]:
    """Those that the point names and that are everywhere too go first, then the rest of those that are everywhere, then
    what is at this point alone."""
    explicit = [(name, path) for name, _, path in chosen.enabled]
    named = {name for name, *_ in everywhere}
    seen: set[str] = set()
    first: list[Plugin] = []
    last: list[Plugin] = []
    for name, path in explicit:
        if name in seen:
            raise ConfigurationError(made.source, path, f"Duplicate value: {name!r}")
        seen.add(name)
        plugin = made.plugin(name, path)
        if has_point(plugin, point):
            (first if name in named else last).append(plugin)
        elif name not in UPSTREAM.get(point, ()):
            problem = f"plugin {name!r} does not extend {point} plugin"
            raise ConfigurationError(made.source, path, problem)
    off = set(chosen.disabled)
    middle = [
        plugin
        for name, _, path in everywhere
        if name not in seen and "*" not in off and name not in off
        and has_point(plugin := made.plugin(name, path), point)
    ]  # fmt: skip
    return (*first, *middle, *last)


def _merged(default: PluginSet, given: PluginSet) -> list[tuple[str, int, str]]:
    """The default set without what is disabled; one that is enabled again keeps its place, with its new weight."""
    again = {name: (name, weight, path) for name, weight, path in given.enabled}
    found = [
        again.pop(each[0], each)
        for each in default.enabled
        if "*" not in given.disabled and each[0] not in given.disabled
    ]
    return [*found, *again.values()]


class _Made:
    """The plugins of one profile, each made once with its arguments."""

    def __init__(
        self, configuration: Configuration, settings: ProfileSettings, own: Sequence[Plugin]
    ) -> None:
        self.source = configuration.source
        self._settings = settings
        self._extenders = configuration.extenders
        self._plugins: dict[str, Plugin] = {plugin.name: plugin for plugin in own}

    def fail(self, field: str, problem: str) -> ConfigurationError:
        return ConfigurationError(self.source, f"{self._settings.path}.{field}", problem)

    def plugin(self, name: str, path: str) -> Plugin:
        """The plugin of this name; `path` is where the configuration names it. Raises ConfigurationError."""
        made = self._plugins.get(name)
        if made is None:
            made = self._make(name, path)
            if other := next((key for key, each in self._plugins.items() if each.name == made.name), ""):
                problem = f"plugin {name!r} calls itself {made.name!r}, as {other!r} does"
                raise ConfigurationError(self.source, path, problem)
            self._plugins[name] = made
        return made

    def _make(self, name: str, path: str) -> Plugin:
        tree, at = self._settings.arguments.get(name, ({}, f"{self._settings.path}.pluginConfig"))
        maker = MAKERS.get(name)
        if maker is not None:
            return maker(tree, self.source, at, self._extenders)
        for plugin in PLUGINS:
            if plugin.name == name:
                if tree:
                    raise ConfigurationError(self.source, at, f"plugin {name!r} takes no arguments")
                return plugin
        return self._foreign(name, path, tree, at)

    def _foreign(self, name: str, path: str, tree: Any, at: str) -> Plugin:
        """One of somebody's own: an entry point of this name, or `module:attribute`."""
        try:
            found = _look_up(name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                self.source, path, f"plugin {name!r} cannot be loaded: {error}"
            ) from error
        if found is None:
            raise ConfigurationError(self.source, path, f"Invalid value: {name!r}: plugin does not exist")
        if not isinstance(found, Plugin):
            try:
                found = found(tree)
            except Exception as error:
                raise ConfigurationError(self.source, at, f"plugin {name!r}: {error}") from error
        if not isinstance(found, Plugin):
            raise ConfigurationError(self.source, path, f"{name!r} is no plugin but a {type(found).__name__}")
        return found

    def check_arguments(self) -> None:
        """Arguments for a plugin that is nowhere enabled are checked too, and must be a plugin's."""
        for name, (_, at) in self._settings.arguments.items():
            self.plugin(name, at.removesuffix(".args") + ".name")


def _look_up(name: str) -> Any:
    for entry in entry_points(group=GROUP, name=name):
        return entry.load()
    module, colon, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute) if colon else None
