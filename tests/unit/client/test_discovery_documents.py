"""Aggregated discovery as a client reads it."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.client import discovery
from pybernetes.client.discovery import NOTHING, Discovered, read


def resource(
    plural: str, kind: str, *, namespaced: bool = True, verbs: tuple[str, ...] = ("get", "list")
) -> Any:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "singularResource": kind.lower(),
        "verbs": list(verbs),
        "subresources": [{"subresource": "status", "verbs": ["get"]}],
    }


def version(name: str, *resources: Any, freshness: str = "Current") -> Any:
    return {"version": name, "resources": list(resources), "freshness": freshness}


def group(name: str, *versions: Any) -> Any:
    return {"metadata": {"name": name} if name else {}, "versions": list(versions)}


def document(*groups: Any) -> Any:
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": list(groups)}


THINGS = group(
    "example.com",
    version("v2", resource("things", "Thing")),
    version("v1", resource("things", "Thing"), resource("old", "Old", namespaced=False)),
)


def test_kinds_come_in_the_order_of_preference() -> None:
    found = read([document(group("", version("v1", resource("pods", "Pod")))), document(THINGS)])
    assert [(k.api_version, k.plural) for k in found.kinds] == [
        ("v1", "pods"),
        ("example.com/v2", "things"),
        ("example.com/v1", "things"),
        ("example.com/v1", "old"),
    ]
    preferred = found.preferred()
    assert preferred["", "pods"] is kinds.POD
    assert preferred["example.com", "things"].version == "v2"
    old = preferred["example.com", "old"]
    assert (old.kind, old.namespaced, old.verbs, old.singular, old.subresources) == (
        "Old",
        False,
        ("get", "list"),
        "old",
        ("status",),
    )


def test_what_has_not_changed_is_the_same() -> None:
    first = read([document(THINGS)])
    again = read([document(THINGS)], first)
    assert again == first
    changed = group("example.com", version("v2", resource("things", "Thing", verbs=("get", "delete"))))
    other = read([document(changed)], again)
    assert other.kinds[0] is not first.kinds[0]
    assert other.kinds[0].verbs == ("get", "delete")
    scaled = resource("things", "Thing")
    scaled["subresources"].append({"subresource": "scale", "verbs": ["get"]})
    (kind,) = read([document(group("example.com", version("v2", scaled)))], first).kinds
    assert kind.subresources == ("status", "scale")


def test_what_a_silent_server_has_is_not_known() -> None:
    stale = group("b.example.com", version("v1", resource("things", "Thing"), freshness="Stale"))
    found = read([document(stale, group("a.example.com", version("v1", freshness="Stale")), THINGS)])
    assert {kind.group for kind in found.kinds} == {"example.com"}
    assert found.stale == ("a.example.com/v1", "b.example.com/v1")
    assert found.failure() == (
        "unable to retrieve the complete list of server APIs: "
        "a.example.com/v1: stale GroupVersion discovery: a.example.com/v1, "
        "b.example.com/v1: stale GroupVersion discovery: b.example.com/v1"
    )
    assert NOTHING.failure() == ""


def test_names_that_are_none() -> None:
    found = read([document(group("a/b", version("v1", resource("x", "X"))), group("c", version("v1/x")))])
    assert found == Discovered(malformed=("a/b/v1", "c/v1/x"))


@pytest.mark.parametrize(
    "entry",
    [{}, {"resource": "things"}, {"resource": "things", "responseKind": {}}, {"responseKind": {"kind": "X"}}],
)
def test_entries_without_a_resource_or_a_kind_are_passed_over(entry: Any) -> None:
    assert read([document(group("example.com", version("v1", entry)))]) == NOTHING


@pytest.mark.parametrize("told", [{"kind": "APIGroupList", "groups": []}, {}, [], "text"])
def test_other_documents_are_refused(told: Any) -> None:
    with pytest.raises(ValueError, match="in the place of APIGroupDiscoveryList"):
        read([told])


def test_the_paths() -> None:
    assert discovery.PATHS == ("/api", "/apis")
