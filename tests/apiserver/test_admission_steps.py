"""Which plugins a request has to go through, and that what a scope leaves out would not have done anything."""

from __future__ import annotations

import pytest

from pybernetes.api.kinds import CONFIGMAP, KINDS, NODE, POD
from pybernetes.apiserver.admission.chain import PLUGINS, chosen
from pybernetes.apiserver.admission.plugin import Admission, Scope
from pybernetes.apiserver.admission.steps import Plugins, Steps


def steps(kind: object, operation: str, subresource: str = "") -> Steps:
    admission = Admission(None, kind, operation, None, None, subresource=subresource)  # type: ignore[arg-type]
    return Plugins(chosen()).steps(admission)


def names(found: Steps) -> list[str]:
    return [plugin.name for plugin, _ in found.mutating]


def test_a_new_pod_meets_the_plugins_of_pods_in_upstreams_order() -> None:
    assert names(steps(POD, "CREATE")) == [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "NodeRestriction",
        "Priority",
        "DefaultTolerationSeconds",
        "RuntimeClass",
        "PodTopologyLabels",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionWebhook",
    ]


def test_an_update_of_a_pod_meets_only_who_refuses_and_who_calls_out() -> None:
    found = steps(POD, "UPDATE")
    assert names(found) == ["NodeRestriction", "MutatingAdmissionPolicy", "MutatingAdmissionWebhook"]
    assert not found.traced


def test_what_nobody_changes_is_not_looked_at() -> None:
    assert steps(NODE, "CREATE").traced
    assert not steps(CONFIGMAP, "UPDATE").traced


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_scopes_name_resources_that_there_are(plugin: object) -> None:
    known = {kind.group_resource for kind in KINDS}
    for scope in (plugin.mutates, plugin.validates):  # type: ignore[attr-defined]
        assert set(scope.resources) <= known
        assert set(scope.operations) <= {"CREATE", "UPDATE", "DELETE", "CONNECT"}


def test_an_empty_scope_covers_everything() -> None:
    assert Scope().covers("pods", "CONNECT", "exec")
    assert not Scope(("pods",), ("CREATE",), ("",)).covers("pods", "CREATE", "binding")
