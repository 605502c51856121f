"""The conditions of a namespace that is being deleted, in upstream's words."""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.client.discovery import NOTHING, Discovered
from pybernetes.control.definition import Settings
from pybernetes.control.plan import DeleteCollections, ExpectEmpty, Update
from pybernetes.controllers import namespaceconditions as conditions
from pybernetes.controllers.namespace import Seen, foreign_kinds, plan
from pybernetes.lang.timestamps import rfc3339

NOW = 1_790_000_000.0
WIDGET = Kind("example.org", "v1", "Widget", "widgets", namespaced=True)


def namespace(**status: Any) -> Any:
    metadata = {"name": "team", "deletionTimestamp": rfc3339(NOW - 5)}
    spec = {"finalizers": ["kubernetes"]}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "spec": spec, "status": status}


def test_discovery_that_fails_as_a_whole() -> None:
    row = conditions.discovery(NOTHING, "the server is currently unable to handle the request")
    assert row[1:] == (True, "DiscoveryFailed", "the server is currently unable to handle the request")


def test_names_that_cannot_be_parsed() -> None:
    row = conditions.parsing(Discovered(malformed=("a/b/v1",)))
    assert row[1:] == (True, "GroupVersionParsingFailed", "unexpected GroupVersion string: a/b/v1")


def test_failures_are_sorted() -> None:
    message = "Failed to delete all resource types, 2 remaining: a, b"
    assert conditions.deletion(["b", "a"])[1:] == (True, "ContentDeletionFailed", message)


def test_times_stay_while_a_status_does_and_other_conditions_stay_altogether() -> None:
    old = {
        "type": "NamespaceContentRemaining",
        "status": "False",
        "lastTransitionTime": rfc3339(NOW - 100),
        "reason": "x",
        "message": "y",
    }
    theirs = {"type": "Mine", "status": "True"}
    rows = (conditions.content({}), conditions.deletion(["a"]))
    made = conditions.merged(namespace(conditions=[theirs, old]), rows, NOW)
    assert [c["type"] for c in made] == [
        "Mine",
        "NamespaceContentRemaining",
        "NamespaceDeletionContentFailure",
    ]
    assert made[0] == theirs
    assert made[1] == {**old, "reason": "ContentRemoved", "message": "All content successfully removed"}
    assert made[2]["lastTransitionTime"] == rfc3339(NOW)


def finished(seen: Seen) -> bool:
    """Whether the namespace may go: told first, then let go."""
    first = plan(seen, NOW, Settings())
    [told] = [step for step in first.steps if isinstance(step, Update)]
    again = Seen(told.obj, seen.left, seen.finalizers, None, seen.discovered, seen.problem, seen.failures)
    last = plan(again, NOW, Settings())
    return any(isinstance(step, Update) and step.subresource == "finalize" for step in last.steps)


def test_nobody_goes_while_something_is_not_known() -> None:
    known = Discovered((kinds.POD, kinds.CONFIGMAP))
    assert finished(Seen(namespace(), {}, {}, discovered=known))
    assert not finished(Seen(namespace(), {}, {}, problem="away"))
    assert not finished(Seen(namespace(), {}, {}, discovered=Discovered(stale=("a/v1",))))
    assert not finished(Seen(namespace(), {}, {}, discovered=Discovered(malformed=("a/b/v1",))))
    assert not finished(Seen(namespace(), {}, {}, discovered=known, failures=("no",)))


def test_only_what_is_served_is_asked_for_in_the_end() -> None:
    found = Discovered((kinds.POD, kinds.CONFIGMAP, kinds.EVENT, kinds.NODE))
    told = plan(Seen(namespace(), {}, {}, discovered=found), NOW, Settings()).steps[0]
    assert isinstance(told, Update)
    steps = plan(Seen(told.obj, {}, {}, discovered=found), NOW, Settings()).steps
    asked = {step.kind for step in steps if isinstance(step, ExpectEmpty)}
    assert asked == {kinds.POD, kinds.CONFIGMAP, kinds.EVENT}
    assert isinstance(steps[0], DeleteCollections)
    assert steps[0].kinds == (kinds.EVENT,)


def test_foreign_kinds() -> None:
    readonly = Kind("metrics.k8s.io", "v1", "PodMetrics", "pods", namespaced=True, verbs=("get", "list"))
    cluster = Kind("example.org", "v1", "Big", "bigs", namespaced=False)
    found = Discovered((kinds.POD, WIDGET, readonly, cluster))
    assert foreign_kinds(found) == [WIDGET]
