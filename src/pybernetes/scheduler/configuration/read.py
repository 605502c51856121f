"""Reading KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) from YAML: strict, every problem at its field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pybernetes.lang.durations import DurationError, parse_go_duration
from pybernetes.lang.yamlload import YamlError, load

from .types import (
    BACKOFF,
    Configuration,
    ConfigurationError,
    Extender,
    LeaderElection,
    PluginSet,
    ProfileSettings,
)

API_VERSION, KIND = "kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"
MULTI_POINT = "multiPoint"
POINTS = (
    "preEnqueue", "queueSort", "preFilter", "filter", "postFilter", "preScore", "score", "reserve", "permit",
    "preBind", "bind", "postBind", "placementGenerate", "placementScore", MULTI_POINT,
)  # fmt: skip
MAX_WEIGHT = 2**31 // 100


class Fields:
    """The fields of one mapping of the file: each is taken once, and what is left over is an unknown field."""

    def __init__(self, source: str, path: str, tree: Any) -> None:
        self.source, self.path = source, path
        if not isinstance(tree, Mapping):
            raise ConfigurationError(source, path, f"Invalid value: {tree!r}: must be a mapping")
        self._left = dict(tree)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def fail(self, name: str, problem: str) -> ConfigurationError:
        return ConfigurationError(self.source, self.at(name), problem)

    def any(self, name: str, default: Any = None) -> Any:
        value = self._left.pop(name, None)
        return default if value is None else value

    def of(self, name: str, kind: type, default: Any, what: str) -> Any:
        value = self.any(name, default)
        wrong = not isinstance(value, kind) or (kind is int and isinstance(value, bool))
        if wrong and value is not default:
            raise self.fail(name, f"Invalid value: {value!r}: must be {what}")
        return value

    def text(self, name: str, default: str = "") -> str:
        return str(self.of(name, str, default, "a string"))

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.of(name, bool, default, "true or false"))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = int(self.of(name, int, default, "an integer"))
        if not least <= value <= most:
            raise self.fail(name, f"Invalid value: {value}: not in valid range [{least}-{most}]")
        return value

    def duration(self, name: str, default: float) -> float:
        value = self.any(name)
        if value is None:
            return default
        try:
            return parse_go_duration(str(value))
        except DurationError as error:
            raise self.fail(name, f"Invalid value: {value!r}: {error}") from error

    def list(self, name: str) -> list[tuple[str, Any]]:
        """(place, item) of each."""
        value = self.any(name, [])
        if not isinstance(value, list):
            raise self.fail(name, f"Invalid value: {value!r}: must be a list")
        return [(f"{self.at(name)}[{number}]", item) for number, item in enumerate(value)]

    def map(self, name: str) -> Fields:
        return Fields(self.source, self.at(name), self.any(name, {}))

    def end(self) -> None:
        """Raises ConfigurationError where something is left."""
        for name in self._left:
            raise self.fail(name, "unknown field")


def read_file(path: Path) -> Configuration:
    """The configuration in a file. Raises ConfigurationError, also where it cannot be read."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigurationError(str(path), "", error.strerror or str(error)) from error
    return read(text, str(path))


def read(text: str, source: str = "configuration") -> Configuration:
    """The configuration in a text; `source` names it in messages. Raises ConfigurationError."""
    try:
        tree = load(text)
    except YamlError as error:
        raise ConfigurationError(source, "", str(error)) from error
    fields = Fields(source, "", tree)
    if (given := fields.text("apiVersion")) != API_VERSION:
        raise fields.fail("apiVersion", f"Unsupported value: {given!r}: supported values: {API_VERSION!r}")
    if (given := fields.text("kind")) != KIND:
        raise fields.fail("kind", f"Unsupported value: {given!r}: supported values: {KIND!r}")
    fields.number("parallelism", 16, 1, 2**31)
    # Every node is looked at, always: a sample's size is read, and there is nothing to do about it.
    fields.number("percentageOfNodesToScore", 0, 0, 100)
    for ignored in ("healthzBindAddress", "metricsBindAddress"):
        fields.text(ignored)
    for ignored in ("enableProfiling", "enableContentionProfiling", "delayCacheUntilActive"):
        fields.flag(ignored)
    connection = fields.map("clientConnection")
    kubeconfig = connection.text("kubeconfig")
    for ignored in ("acceptContentTypes", "contentType"):
        connection.text(ignored)
    for ignored in ("qps", "burst"):
        connection.any(ignored)
    connection.end()
    election = _election(fields.map("leaderElection"))
    first = fields.number("podInitialBackoffSeconds", int(BACKOFF[0]), 1, 2**31)
    most = fields.number("podMaxBackoffSeconds", int(BACKOFF[1]), 1, 2**31)
    if most < first:
        raise fields.fail(
            "podMaxBackoffSeconds",
            f"Invalid value: {most}: must be greater than or equal to PodInitialBackoffSeconds",
        )
    profiles = tuple(_profile(source, at, tree) for at, tree in fields.list("profiles"))
    extenders = tuple(_extender(Fields(source, at, tree)) for at, tree in fields.list("extenders"))
    fields.end()
    _names(source, profiles)
    if sum(1 for each in extenders if each.bind_verb) > 1:
        raise ConfigurationError(source, "extenders", "found multiple extenders implementing bind")
    return Configuration(
        profiles or (ProfileSettings(),), extenders, (float(first), float(most)), election, kubeconfig, source
    )


def _names(source: str, profiles: tuple[ProfileSettings, ...]) -> None:
    seen: set[str] = set()
    for each in profiles:
        if each.name in seen:
            path = f"{each.path}.schedulerName"
            raise ConfigurationError(source, path, f"Duplicate value: {each.name!r}")
        seen.add(each.name)


def _election(fields: Fields) -> LeaderElection:
    found = LeaderElection(
        fields.flag("leaderElect", True),
        fields.duration("leaseDuration", 15.0),
        fields.duration("renewDeadline", 10.0),
        fields.duration("retryPeriod", 2.0),
        fields.text("resourceNamespace", "kube-system"),
        fields.text("resourceName", "kube-scheduler"),
    )
    if (lock := fields.text("resourceLock", "leases")) != "leases":
        raise fields.fail("resourceLock", f'Invalid value: {lock!r}: resourceLock value must be "leases"')
    if found.lease_seconds <= found.renew_seconds:
        raise fields.fail("leaseDuration", "Invalid value: LeaseDuration must be greater than RenewDeadline")
    fields.end()
    return found


def _profile(source: str, path: str, tree: Any) -> ProfileSettings:
    fields = Fields(source, path, tree)
    name = fields.text("schedulerName", "default-scheduler")
    fields.number("percentageOfNodesToScore", 0, 0, 100)
    sets = fields.map("plugins")
    plugins = {point: _set(source, sets.at(point), given) for point in POINTS if (given := sets.any(point))}
    sets.end()
    arguments: dict[str, tuple[Any, str]] = {}
    for at, item in fields.list("pluginConfig"):
        config = Fields(source, at, item)
        plugin = config.text("name")
        if not plugin:
            raise config.fail("name", "Required value")
        if plugin in arguments:
            raise config.fail("name", f"Duplicate value: {plugin!r}")
        arguments[plugin] = (config.any("args", {}), config.at("args"))
        config.end()
    fields.end()
    return ProfileSettings(name, plugins, arguments, path)


def _set(source: str, path: str, tree: Any) -> PluginSet:
    fields = Fields(source, path, tree)
    enabled, disabled = [], []
    for at, item in fields.list("enabled"):
        plugin = Fields(source, at, item)
        name, weight = plugin.text("name"), plugin.number("weight", 0, 0, MAX_WEIGHT)
        if not name:
            raise plugin.fail("name", "Required value")
        enabled.append((name, weight, plugin.at("name")))
        plugin.end()
    for at, item in fields.list("disabled"):
        plugin = Fields(source, at, item)
        disabled.append(plugin.text("name"))
        plugin.any("weight")
        plugin.end()
    fields.end()
    return PluginSet(tuple(enabled), tuple(disabled))


def _tls(fields: Fields) -> dict[str, Any]:
    """How an extender is talked to over HTTPS; every file is there."""
    found: dict[str, Any] = {"insecure": fields.flag("insecure"), "serverName": fields.text("serverName")}
    for name in ("certFile", "keyFile", "caFile"):
        found[name] = fields.text(name)
        if found[name] and not Path(found[name]).is_file():
            raise fields.fail(name, f"Invalid value: {found[name]!r}: no such file")
    for name in ("certData", "keyData", "caData"):
        found[name] = fields.text(name)
    if bool(found["certFile"] or found["certData"]) != bool(found["keyFile"] or found["keyData"]):
        raise fields.fail("certFile", "Invalid value: a certificate and its key are needed together")
    fields.end()
    return found


def _extender(fields: Fields) -> Extender:
    prefix = fields.text("urlPrefix")
    if not prefix:
        raise fields.fail("urlPrefix", "Required value")
    if not prefix.startswith(("http://", "https://")):
        raise fields.fail("urlPrefix", f"Invalid value: {prefix!r}: must be an http or https URL")
    managed, ignored = set(), set()
    for at, item in fields.list("managedResources"):
        resource = Fields(fields.source, at, item)
        managed.add(resource.text("name"))
        if resource.flag("ignoredByScheduler"):
            ignored.add(str(item["name"]))
        resource.end()
    weight = fields.number("weight", 0, -(2**31), 2**31)
    verbs: dict[str, str] = {
        verb: fields.text(verb) for verb in ("filterVerb", "preemptVerb", "prioritizeVerb", "bindVerb")
    }
    if verbs["prioritizeVerb"] and weight <= 0:
        raise fields.fail("weight", f"Invalid value: {weight}: must have a positive weight applied to it")
    found = Extender(
        prefix.rstrip("/"),
        verbs["filterVerb"],
        verbs["preemptVerb"],
        verbs["prioritizeVerb"],
        verbs["bindVerb"],
        weight,
        fields.flag("enableHTTPS"),
        _tls(fields.map("tlsConfig")),
        fields.duration("httpTimeout", 5.0),
        fields.flag("nodeCacheCapable"),
        frozenset(managed),
        frozenset(ignored),
        fields.flag("ignorable"),
    )
    fields.end()
    return found
