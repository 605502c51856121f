"""KubeSchedulerConfiguration: what is read, and every wrong thing told with its file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pybernetes.scheduler.configuration.profiles import GROUP, profiles_of
from pybernetes.scheduler.configuration.read import read, read_file
from pybernetes.scheduler.configuration.types import ConfigurationError
from pybernetes.scheduler.framework import Plugin
from pybernetes.scheduler.plugins.table import PLUGINS
from pybernetes.scheduler.profile import Profile

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

OWN = Plugin("Own", score=lambda _pod, _world, _feasible: None, weight=3)
NOTHING = Plugin("Nothing")


def make_own(arguments: Any) -> Plugin:
    """What `module:attribute` may name: a function from the arguments to a plugin."""
    if "label" not in arguments:
        raise ValueError("label: Required value")
    return Plugin("Made", score=lambda _pod, _world, _feasible: None)


def profile(text: str, *own: Plugin) -> Profile:
    (found,) = profiles_of(read(HEAD + text, "scheduler.yaml"), "default-scheduler", own)
    return found


def names(plugins: tuple[Plugin, ...]) -> list[str]:
    return [plugin.name for plugin in plugins]


ME = f"{__name__}:OWN"
MAKES = f"{__name__}:make_own"

WRONG: tuple[tuple[str, str], ...] = (
    ("parallelism: [", "error converting YAML to JSON"),
    ("parallelism: 0", "parallelism: Invalid value: 0: not in valid range [1-2147483648]"),
    ("parallelism: x", "parallelism: Invalid value: 'x': must be an integer"),
    ("profile: []", "profile: unknown field"),
    ("percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
    ("podInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 2", "podMaxBackoffSeconds: Invalid value: 2: must be greater than or equal to PodInitialBackoffSeconds"),
    ("leaderElection: {leaseDuration: 5s}", "leaderElection.leaseDuration: Invalid value: LeaseDuration must be greater than RenewDeadline"),
    ("leaderElection: {leaseDuration: soon}", "leaderElection.leaseDuration: Invalid value: 'soon'"),
    ("leaderElection: {resourceLock: endpoints}", "leaderElection.resourceLock: Invalid value: 'endpoints'"),
    ("profiles: {}", "profiles: Invalid value: {}: must be a list"),
    ("profiles: [{schedulerName: a}, {schedulerName: a}]", "profiles[1].schedulerName: Duplicate value: 'a'"),
    ("profiles: [{plugins: {score: {enabled: [{}]}}}]", "profiles[0].plugins.score.enabled[0].name: Required value"),
    ("profiles: [{plugins: {scores: {}}}]", "profiles[0].plugins.scores: unknown field"),
    ("profiles: [{plugins: {score: {enabled: [{name: Nope}]}}}]", "profiles[0].plugins.score.enabled[0].name: Invalid value: 'Nope': plugin does not exist"),
    ("profiles: [{plugins: {score: {enabled: [{name: 'nope:X'}]}}}]", "profiles[0].plugins.score.enabled[0].name: plugin 'nope:X' cannot be loaded: No module named 'nope'"),
    (f"profiles: [{{plugins: {{score: {{enabled: [{{name: '{__name__}:ABSENT'}}]}}}}}}]", f"profiles[0].plugins.score.enabled[0].name: plugin '{__name__}:ABSENT' cannot be loaded: module"),
    (f"profiles: [{{plugins: {{score: {{enabled: [{{name: '{__name__}:names'}}]}}}}}}]", "is no plugin but a list"),
    (f"profiles: [{{plugins: {{score: {{enabled: [{{name: '{MAKES}'}}]}}}}}}]", f"profiles[0].pluginConfig: plugin '{MAKES}': label: Required value"),
    ("profiles: [{plugins: {filter: {enabled: [{name: ImageLocality}]}}}]", "profiles[0].plugins.filter.enabled[0].name: plugin 'ImageLocality' does not extend filter plugin"),
    ("profiles: [{plugins: {score: {enabled: [{name: NodeAffinity}, {name: NodeAffinity}]}}}]", "profiles[0].plugins.score.enabled[1].name: Duplicate value: 'NodeAffinity'"),
    ("profiles: [{plugins: {score: {enabled: [{name: NodeAffinity, weight: -1}]}}}]", "profiles[0].plugins.score.enabled[0].weight: Invalid value: -1"),
    ("profiles: [{plugins: {queueSort: {disabled: [{name: '*'}]}}}]", "profiles[0].plugins.queueSort: at least one queue sort plugin is needed"),
    ("profiles: [{plugins: {bind: {disabled: [{name: DefaultBinder}]}}}]", "profiles[0].plugins.bind: at least one bind plugin is needed"),
    ("profiles: [{pluginConfig: [{args: {}}]}]", "profiles[0].pluginConfig[0].name: Required value"),
    ("profiles: [{pluginConfig: [{name: Nope}]}]", "profiles[0].pluginConfig[0].name: Invalid value: 'Nope': plugin does not exist"),
    ("profiles: [{pluginConfig: [{name: NodeName, args: {a: 1}}]}]", "profiles[0].pluginConfig[0].args: plugin 'NodeName' takes no arguments"),
    ("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}]", "profiles[0].pluginConfig[0].args.scoringStrategy.type: Unsupported value: 'Best'"),
    ("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {strategy: {}}}]}]", "profiles[0].pluginConfig[0].args.strategy: unknown field"),
    ("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {resources: [{name: cpu, weight: 101}]}}}]}]", "profiles[0].pluginConfig[0].args.scoringStrategy.resources[0].weight: Invalid value: 101: resource weight not in valid range [1-100]"),
    ("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio}}}]}]", "profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified"),
    ("profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [a/b]}}]}]", "profiles[0].pluginConfig[0].args.ignoredResourceGroups[0]: Invalid value: 'a/b': resource group name can't contain '/'"),
    ("profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]", "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0-100]"),
    ("profiles: [{pluginConfig: [{name: InterPodAffinity, args: {kind: NodeAffinityArgs}}]}]", "profiles[0].pluginConfig[0].args.kind: Unsupported value: 'NodeAffinityArgs'"),
    ("profiles: [{pluginConfig: [{name: DefaultPreemption, args: {minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}}]}]", "profiles[0].pluginConfig[0].args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute"),
    ("profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]}}]}]", "profiles[0].pluginConfig[0].args.defaultConstraints: Invalid value: must be empty when .defaultingType is System"),
    ("profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}]}}]}]", "profiles[0].pluginConfig[0].args.defaultConstraints[0].topologyKey: Required value"),
    ("profiles: [{pluginConfig: [{name: VolumeBinding, args: {bindTimeoutSeconds: -1}}]}]", "profiles[0].pluginConfig[0].args.bindTimeoutSeconds: Invalid value: -1"),
    ("extenders: [{urlPrefix: 'ftp://x'}]", "extenders[0].urlPrefix: Invalid value: 'ftp://x': must be an http or https URL"),
    ("extenders: [{urlPrefix: 'https://x', tlsConfig: {caFile: /nope/ca.pem}}]", "extenders[0].tlsConfig.caFile: Invalid value: '/nope/ca.pem': no such file"),
    ("extenders: [{urlPrefix: 'https://x', tlsConfig: {certData: eA==}}]", "extenders[0].tlsConfig.certFile: Invalid value: a certificate and its key are needed together"),
    ("extenders: [{urlPrefix: 'https://x', tlsConfig: {ca: x}}]", "extenders[0].tlsConfig.ca: unknown field"),
    ("extenders: [{filterVerb: filter}]", "extenders[0].urlPrefix: Required value"),
    ("extenders: [{urlPrefix: 'http://x', prioritizeVerb: p}]", "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it"),
    ("extenders: [{urlPrefix: 'http://x', bindVerb: b}, {urlPrefix: 'http://y', bindVerb: b}]", "extenders: found multiple extenders implementing bind"),
    ("extenders: [{urlPrefix: 'http://x', verb: b}]", "extenders[0].verb: unknown field"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=[problem[:70] for _, problem in WRONG])
def test_what_is_wrong_is_told_with_file_and_field(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        profile(text)
    assert str(error.value).startswith("scheduler.yaml: ")
    assert problem in str(error.value)


def test_another_kind_or_version_is_refused() -> None:
    for text, field in (
        ("kind: KubeSchedulerConfiguration", "apiVersion"),
        (HEAD.replace("/v1", "/v1beta3"), "apiVersion"),
        (HEAD.replace("KubeS", "S"), "kind"),
        ("[]", ""),
    ):
        with pytest.raises(ConfigurationError) as error:
            read(text, "f.yaml")
        assert error.value.path == field


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        read_file(tmp_path / "nope.yaml")


def test_the_default_is_upstreams_order_and_weights() -> None:
    found = profile("")
    assert found.name == "default-scheduler"
    assert names(found.plugins)[:4] == ["SchedulingGates", *names(found.plugins)[1:4]]
    assert {plugin.name: weight for plugin, weight in found.score} == {
        plugin.name: plugin.weight for plugin in PLUGINS if plugin.score
    }
    weights = {plugin.name: weight for plugin, weight in found.score}
    assert weights["TaintToleration"] == 3
    assert (weights["NodeAffinity"], weights["PodTopologySpread"], weights["InterPodAffinity"]) == (2, 2, 2)
    assert names(found.bind) == ["DefaultBinder"]


def test_points_take_away_add_and_weigh() -> None:
    found = profile(
        f"""
profiles:
- plugins:
    multiPoint: {{enabled: [{{name: '{ME}'}}, {{name: NodeAffinity, weight: 7}}]}}
    score: {{enabled: [{{name: ImageLocality, weight: 5}}], disabled: [{{name: NodeResourcesFit}}]}}
    filter: {{disabled: [{{name: NodePorts}}]}}
    preScore: {{enabled: [{{name: NodeAffinity}}]}}
    preFilter: {{enabled: [{{name: NodeResourcesFit}}]}}
"""
    )
    weights = {plugin.name: weight for plugin, weight in found.score}
    assert names(tuple(plugin for plugin, _ in found.score))[0] == "ImageLocality"
    assert (weights["Own"], weights["NodeAffinity"], weights["ImageLocality"]) == (3, 7, 5)
    assert "NodeResourcesFit" not in weights
    assert "NodeResourcesFit" in names(found.filter)
    assert "NodePorts" not in names(found.filter)


def test_a_weight_counts_for_a_plugin_named_by_its_module() -> None:
    found = profile(f"profiles: [{{plugins: {{score: {{enabled: [{{name: '{ME}', weight: 9}}]}}}}}}]")
    assert {plugin.name: weight for plugin, weight in found.score}["Own"] == 9


def test_only_what_is_named_where_everything_else_is_off() -> None:
    found = profile(
        """
profiles:
- plugins:
    multiPoint: {disabled: [{name: '*'}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeName}]}
"""
    )
    assert names(found.plugins) == ["PrioritySort", "NodeName", "DefaultBinder"]


def test_a_plugin_is_made_of_its_arguments() -> None:
    found = profile(
        f"""
profiles:
- plugins: {{score: {{enabled: [{{name: '{MAKES}', weight: 2}}]}}}}
  pluginConfig: [{{name: '{MAKES}', args: {{label: x}}}}]
"""
    )
    assert {plugin.name: weight for plugin, weight in found.score}["Made"] == 2


def test_a_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    information = tmp_path / "costs-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: costs\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\nCost = costs_plugin:PLUGIN\n")
    (tmp_path / "costs_plugin.py").write_text(
        "from pybernetes.scheduler.framework import Plugin\n"
        "PLUGIN = Plugin('Cost', score=lambda pod, world, feasible: None, weight=4)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = profile("profiles: [{plugins: {multiPoint: {enabled: [{name: Cost}]}}}]")
    assert {plugin.name: weight for plugin, weight in found.score}["Cost"] == 4


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ((NOTHING,), "plugin 'Nothing' is at no extension point"),
        ((OWN, OWN), "the name 'Own' is taken"),
        ((Plugin("", score=OWN.score),), "a plugin needs a name"),
        (("Own",), "'Own' is no Plugin"),
    ],
)
def test_plugins_that_cannot_be_added(own: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        profile("", *own)


def test_two_names_for_one_plugin_are_refused() -> None:
    text = f"profiles: [{{plugins: {{multiPoint: {{enabled: [{{name: '{ME}'}}, {{name: '{__name__}:ALIAS'}}]}}}}}}]"
    with pytest.raises(ConfigurationError, match="calls itself 'Own'"):
        profile(text)


ALIAS = OWN


def test_profiles_that_sort_the_queue_differently_are_refused() -> None:
    text = f"""
profiles:
- schedulerName: a
- schedulerName: b
  plugins: {{queueSort: {{enabled: [{{name: '{__name__}:SORT'}}], disabled: [{{name: PrioritySort}}]}}}}
"""
    with pytest.raises(ConfigurationError, match="different queue sort plugins"):
        profiles_of(read(HEAD + text), "default-scheduler")


SORT = Plugin("Sort", queue_sort=lambda _facts, arrival: (arrival,))


def test_the_rest_of_the_file_is_read() -> None:
    found = read(
        HEAD
        + """
clientConnection: {kubeconfig: /etc/kubernetes/scheduler.conf, qps: 50, burst: 100}
leaderElection: {leaderElect: false, resourceName: mine, resourceNamespace: ns, leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 1s}
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 4
extenders:
- urlPrefix: http://127.0.0.1:8888/sched/
  filterVerb: filter
  prioritizeVerb: prioritize
  weight: 5
  httpTimeout: 300ms
  nodeCacheCapable: true
  ignorable: true
  managedResources: [{name: example.com/foo, ignoredByScheduler: true}]
"""
    )
    assert found.kubeconfig == "/etc/kubernetes/scheduler.conf"
    election = found.leader_election
    assert (election.leader_elect, election.name, election.namespace, election.lease_seconds) == (
        False, "mine", "ns", 30,
    )  # fmt: skip
    assert found.backoff == (2, 4)
    (extender,) = found.extenders
    assert (extender.url_prefix, extender.weight, extender.seconds) == ("http://127.0.0.1:8888/sched", 5, 0.3)
    assert extender.interested({"example.com/foo": 1})
    assert not extender.interested({"cpu": 1})
