"""The life of a kind through the official client: every method that it has, and what each must answer."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable
from typing import Any

import yaml
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from pybernetes.api.kinds import by_kind

from .clientcalls import NAMESPACE, refused
from .clientjudge import Judge, differences, judge
from .everykind import EXCEPTIONS, Row

VERBS = ("create", "read", "list", "replace", "patch", "delete_collection", "delete")


def methods(api_class: str) -> set[str]:
    """What a class of the client can do, each once (its `_with_http_info` twins do the same)."""
    made = getattr(client, api_class)
    names = {name for name in vars(made) if not name.startswith("_") and name != "close"}
    return {name for name in names if not name.endswith("_with_http_info")}


class Methods:
    """The methods of the client for one kind. `left` are those not called yet."""

    def __init__(self, api: Judge, row: Row) -> None:
        self.api, self.row = api, row
        self.group = getattr(client, row.api_class)(api)
        self.left = methods_of(row)
        self.namespaced = f"create_namespaced_{row.snake}" in self.left

    def name(self, verb: str, sub: str = "") -> str:
        return f"{verb}_{'namespaced_' if self.namespaced else ''}{self.row.snake}{sub and '_' + sub}"

    def has(self, verb: str, sub: str = "") -> bool:
        return self.name(verb, sub) in methods_of(self.row)

    def method(self, name: str) -> Callable[..., Any]:
        self.left.discard(name)
        return getattr(self.group, name)  # type: ignore[no-any-return]

    def __call__(self, verb: str, *given: Any, sub: str = "", **options: Any) -> Any:
        where = (NAMESPACE,) if self.namespaced else ()
        named = () if verb in ("create", "list", "delete_collection") else (self.row.name,)
        return self.method(self.name(verb, sub))(*named, *where, *given, **options)

    def wire(self, typed: Any) -> dict[str, Any]:
        tree: dict[str, Any] = self.api.sanitize_for_serialization(typed)
        return tree


SUBRESOURCES = ("", "_status", "_scale")


def methods_of(row: Row) -> set[str]:
    """The methods of a kind but those of its own sub-resources, which have scenarios of their own."""
    form = rf"({'|'.join(VERBS)})_(namespaced_)?{row.snake}({'|'.join(SUBRESOURCES)}|_for_all_namespaces)"
    found = {name for name in methods(row.api_class) if re.fullmatch(form, name)}
    return {name for name in found if f"{row.api_class}.{name}" not in dict(EXCEPTIONS)}


def body(row: Row, **labels: str) -> dict[str, Any]:
    def filled(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: filled(value) for key, value in tree.items()}
        return (
            [filled(value) for value in tree]
            if isinstance(tree, list)
            else NAMESPACE
            if tree == "NAMESPACE"
            else tree
        )

    tree: dict[str, Any] = filled(row.tree(**labels))
    return tree


def creation(call: Methods) -> None:
    row = call.row
    call("create", body(row), dry_run="All")
    assert call.api.code == 201
    assert refused(lambda: call("read")).status == 404
    made = call("create", body(row, app="a"), field_validation="Strict")
    raw = call.api.raw
    assert (call.api.code, raw["apiVersion"], raw["kind"]) == (201, row.api_version, row.kind)
    assert made.metadata.labels["app"] == "a"
    twice = refused(lambda: call("create", body(row)))
    assert (twice.status, call.api.raw["reason"]) == (409, "AlreadyExists")
    assert call.api.raw["details"].keys() <= {"name", "kind", "group"}
    read = call("read")
    assert type(read) is type(made)
    assert read.metadata.uid == made.metadata.uid
    call("read", pretty="true")


def lists(call: Methods) -> None:
    row, kind = call.row, f"V1{call.row.kind}List"
    everywhere = f"list_{row.snake}_for_all_namespaces"
    ways: list[Callable[..., Any]] = [lambda **options: call("list", **options)]
    if call.namespaced:
        ways.append(call.method(everywhere))
    for way in ways:
        found = way(label_selector="app=a", field_selector=f"metadata.name={row.name}")
        assert type(found).__name__.endswith(f"{row.kind}List"), kind
        assert call.api.raw["kind"] == f"{row.kind}List"
        assert call.api.raw["apiVersion"] == row.api_version
        assert [item.metadata.name for item in found.items] == [row.name]
        assert way(label_selector="app=none").items == []
        assert call.api.raw["items"] == []
        narrowed = (
            {"label_selector": "app=a"} if row.kind == "Event" else {}
        )  # older ones have no time, which it needs
        assert len(way(limit=1, **narrowed).items) == 1
        assert way(resource_version="0", **narrowed).items


def a_watch(call: Methods) -> None:
    name = call.name("list")
    where = (NAMESPACE,) if call.namespaced else ()
    model = inspect.signature(getattr(call.group, call.name("read"))).return_annotation
    watching = watch.Watch(return_type=model.__name__)  # it would not find that of ResourceClaims by itself
    options = {"field_selector": f"metadata.name={call.row.name}", "timeout_seconds": 5}
    events = watching.stream(call.method(name), *where, **options)
    event = next(events)
    watching.stop()
    events.close()
    assert event["type"] == "ADDED"
    assert event["raw_object"]["kind"] == call.row.kind
    assert event["raw_object"]["apiVersion"] == call.row.api_version
    judge(call.api, event["raw_object"], event["object"])


def undisturbed(write: Callable[[], Any]) -> Any:
    """What a write gives that a controller's write may come before: then it is tried again."""
    for _ in range(50):
        try:
            return write()
        except ApiException as error:
            if error.status != 409:
                raise
            time.sleep(0.02)
    return write()


def unchanged(call: Methods, sub: str = "") -> None:
    """What was read is written as it is: nothing happens."""

    def write() -> tuple[Any, Any]:
        read = call("read", sub=sub)
        return read, call("replace", read, sub=sub)

    read, written = undisturbed(write)
    assert list(differences(call.wire(read), call.wire(written))) == []


def updates(call: Methods) -> None:
    unchanged(call)

    def write() -> tuple[Any, Any]:
        read = call("read")
        read.metadata.labels = {**read.metadata.labels, "changed": "yes"}
        return read, call("replace", read)

    old, new = undisturbed(write)
    assert call.api.code == 200
    assert new.metadata.resource_version != old.metadata.resource_version
    assert new.metadata.labels["changed"] == "yes"
    stale = refused(lambda: call("replace", old))
    assert (stale.status, call.api.raw["reason"]) == (409, "Conflict")
    new.metadata.resource_version = None
    new.metadata.labels["changed"] = "dry"
    kind = by_kind(
        call.row.api_version, call.row.kind
    )  # its answers are upstream's: tests/unit/api/test_strategies.py
    assert kind is not None
    if not kind.unconditional_update:
        assert refused(lambda: call("replace", new)).status == 422
        (cause,) = call.api.raw["details"]["causes"]
        assert cause["field"] == "metadata.resourceVersion"
    else:
        call("replace", new, dry_run="All")
    new.metadata.resource_version = "1"
    new.metadata.uid = "other"
    assert refused(lambda: call("replace", new)).status == 409


def patches(call: Methods) -> None:
    row = call.row
    ways: tuple[tuple[str, Any], ...] = (
        ("json-patch+json", [{"op": "add", "path": "/metadata/labels/json", "value": "1"}]),
        ("merge-patch+json", {"metadata": {"labels": {"merge": "1"}}}),
        ("strategic-merge-patch+json", {"metadata": {"labels": {"strategic": "1"}}}),
    )
    for kind, patch in ways:
        undisturbed(lambda kind=kind, patch=patch: call("patch", patch, _content_type=f"application/{kind}"))
        assert call.api.code == 200
    applied = {"apiVersion": row.api_version, "kind": row.kind, "metadata": {"labels": {"apply": "1"}}}
    options: dict[str, Any] = {
        "_content_type": "application/apply-patch+yaml",
        "field_manager": "me",
        "force": True,
    }
    first = call("patch", applied, **options)
    labels = {"app", "changed", "json", "merge", "strategic", "apply"}
    assert labels <= first.metadata.labels.keys()
    managers = {(entry.manager, entry.operation) for entry in first.metadata.managed_fields}
    assert ("me", "Apply") in managers
    call("patch", applied, **options)
    call(
        "patch",
        {"metadata": {"labels": {"merge": None}}},
        dry_run="All",
        _content_type="application/merge-patch+json",
    )
    assert "merge" in call("read").metadata.labels
    assert refused(lambda: call("patch", applied, **{**options, "field_manager": None})).status == 422


def status(call: Methods) -> None:
    unchanged(call, "status")
    part = yaml.safe_load(call.row.status)
    part = part if isinstance(part, dict) else {}
    merged = call("patch", {"status": part}, sub="status", _content_type="application/merge-patch+json")
    assert call.api.raw["kind"] == call.row.kind
    for key, value in part.items():
        got = call.api.raw["status"][key]
        if isinstance(value, list) and key == "conditions":
            (got,) = [each for each in got if each["type"] == value[0]["type"]]
            (value,) = value
            got = {name: got[name] for name in value}
        assert list(differences(value, got)) == []
    applied = {"apiVersion": call.row.api_version, "kind": call.row.kind, "metadata": {}, "status": part}
    options: dict[str, Any] = {
        "_content_type": "application/apply-patch+yaml",
        "field_manager": "s",
        "force": True,
    }
    call("patch", applied, sub="status", **options)
    unchanged(call, "status")
    assert call("read").metadata.uid == merged.metadata.uid


def scale(call: Methods) -> None:
    read = call("read", sub="scale")
    assert type(read) is client.V1Scale
    assert (call.api.raw["kind"], call.api.raw["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (call.api.raw["spec"], call.api.raw["status"]["replicas"]) == ({}, 0)
    assert read.status.selector == "app=a"
    unchanged(call, "scale")
    patched = call(
        "patch",
        {"spec": {"replicas": 3}},
        sub="scale",
        dry_run="All",
        _content_type="application/merge-patch+json",
    )
    assert patched.spec.replicas == 3
    assert call("read").spec.replicas == 0


def gone(call: Methods) -> None:
    end = time.monotonic() + 15
    while call("list", field_selector=f"metadata.name={call.row.name}").items:
        assert time.monotonic() < end, call.api.raw
        time.sleep(0.02)
    assert refused(lambda: call("read")).status == 404
    assert call.api.raw["details"]["name"] == call.row.name


def deletion(call: Methods) -> None:
    uid = call("read").metadata.uid
    call("delete", dry_run="All")
    assert call("read").metadata.uid == uid
    other = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))
    assert refused(lambda: call("delete", body=other)).status == 409
    assert call.api.raw["reason"] == "Conflict"
    options = client.V1DeleteOptions(
        grace_period_seconds=0, propagation_policy="Background", preconditions=client.V1Preconditions(uid=uid)
    )
    call("delete", body=options)
    deleted(call, uid)
    gone(call)
    assert refused(lambda: call("delete")).status == 404


def deleted(call: Methods, uid: str) -> None:
    """The answer is what the client's type says; the object where a finalizer keeps it."""
    row, raw = call.row, call.api.raw
    promised = inspect.signature(getattr(call.group, call.name("delete"))).return_annotation
    if promised is object and not row.lingers:
        plural = raw["details"]["kind"]
        group = row.api_version.rpartition("/")[0]
        details = {"name": row.name, **({"group": group} if group else {}), "kind": plural, "uid": uid}
        assert raw == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
    else:
        assert (raw["kind"], raw["apiVersion"], raw["metadata"]["uid"]) == (row.kind, row.api_version, uid)
        if row.lingers:
            assert "deletionTimestamp" in raw["metadata"]


def deletion_of_many(call: Methods) -> None:
    if not call.has("delete_collection"):
        return
    call("create", body(call.row, bulk="yes"))
    call("delete_collection", label_selector="bulk=yes", dry_run="All")
    call("read")
    call("delete_collection", label_selector="bulk=yes", body=client.V1DeleteOptions(grace_period_seconds=0))
    assert (call.api.code, call.api.raw["kind"]) == (200, f"{call.row.kind}List")
    assert [item["metadata"]["name"] for item in call.api.raw["items"]] == [call.row.name]
    gone(call)
