"""Requests that nobody should send, made from a seed: objects of every kind with wrong values at random places, patches in
four languages, bodies that are no text, query parameters that make no sense."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pybernetes.api.kind import Kind
from pybernetes.api.schema import Schema, definition

WRONG: Sequence[Any] = (
    None,
    0,
    -1,
    True,
    "",
    "x",
    "\x00",
    "ééé",
    "a" * 300,
    2**31,
    2**63,
    2**64,
    10**40,
    1.5,
    1e308,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"a": None},
    {"": ""},
    {"a": {"b": []}},
    [1, "a"],
    ["a", "a"],
    "2020-13-40T99:99:99Z",
    "NaN",
    "1e999999",
    "99999999999999999999Ei",
    "../..",
    "a/b/c",
    "%",
    "\u2028",
    "10.0.0.300",
    "fe80::%1",
    "1.2.3.4/99",
    {"matchLabels": None},
    {"matchExpressions": [None]},
)
TEXTS = (
    "a",
    "abc",
    "x-y",
    "",
    "Always",
    "Equal",
    "TCP",
    "10.0.0.1",
    "None",
    "self.a == 1",
    "spec",
    "/a",
    "1",
)
NUMBERS = (0, 1, 5, 80, -1, 100)
QUANTITIES = ("1", "100m", "1Gi", 2, "0")
BODIES = (
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"",
    b"\xff\xfe",
    b"k8s\x00",
    b"k8s\x00\x0a\xff\xff",
    b'{"metadata":null}',
    b"a: &a [*a]\n",
    b"[" * 20_000,
    b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
)
TYPES = (
    *("application/json",) * 9,
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
    "",
)
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
ACCEPTS = (
    "application/json;as=Table;g=meta.k8s.io;v=v1",
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "x",
)
OPERATIONS = ("add", "remove", "replace", "move", "copy", "test", "bad", None, 1)
POINTERS = (
    "/spec",
    "/metadata",
    "/metadata/labels/a",
    "/metadata/name",
    "/metadata/managedFields",
    "/metadata/creationTimestamp",
    "",
    "/",
    "/spec/x/0",
    "/spec/-",
    "~",
    "/~2",
    "/kind",
    "/status",
    "/spec/containers/0/image",
    "/spec/ports/0",
    "/data",
    "/rules",
    None,
    3,
)
PARAMETERS = (
    "limit",
    "continue",
    "resourceVersion",
    "resourceVersionMatch",
    "labelSelector",
    "fieldSelector",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "gracePeriodSeconds",
    "propagationPolicy",
    "orphanDependents",
    "pretty",
    "includeObject",
)
VALUES = (
    "",
    "0",
    "-1",
    "true",
    "x",
    "9" * 20,
    "All",
    "Ignore",
    "Strict",
    "NotOlderThan",
    "Exact",
    "a in (",
    "!",
    "=",
    "spec.nodeName=",
    "foo=bar",
    "\x00",
    "é",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vLi4vYSJ9",
    "a" * 200,
    "Orphan",
    "NaN",
)
SUBRESOURCES = {
    "scale": ("autoscaling/v1", "Scale", "io.k8s.api.autoscaling.v1.Scale"),
    "eviction": ("policy/v1", "Eviction", "io.k8s.api.policy.v1.Eviction"),
    "token": ("authentication.k8s.io/v1", "TokenRequest", "io.k8s.api.authentication.v1.TokenRequest"),
    "binding": ("v1", "Binding", "io.k8s.api.core.v1.Binding"),
}
STREAMS = frozenset({"exec", "attach", "portforward", "proxy", "log"})
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Asking:
    """One request; `target` is path and query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Maker:
    """Requests about `kinds` from a seed. `samples` are good objects by (apiVersion, kind): what is made of them comes
    further than what is made of the schema alone."""

    def __init__(
        self, seed: int, kinds: Sequence[Kind], samples: Mapping[tuple[str, str], Sequence[Any]]
    ) -> None:
        self._r = random.Random(seed)
        self._kinds = kinds
        self._samples = samples

    def good(self) -> Iterator[Asking]:
        """The samples, to begin with."""
        for kind in self._kinds:
            for tree in self._samples.get((kind.api_version, kind.kind), ()):
                where = kind.path("default" if kind.namespaced else "")
                yield Asking("POST", where, (("content-type", TYPES[0]),), json.dumps(tree).encode())

    def bad(self) -> Asking:
        """The next one."""
        r = self._r
        kind = r.choice(self._kinds)
        namespace = "default" if kind.namespaced else ""
        tree = self._object(kind)
        if r.random() < 0.75:
            self._spoil(tree)
        name = quote(self._name(tree))
        served = [each for each in kind.subresources if each not in STREAMS]
        sub = r.choice(["", *served]) if served and r.random() < 0.4 else ""
        if sub in SUBRESOURCES and r.random() < 0.8:
            api_version, of, schema = SUBRESOURCES[sub]
            tree = {**self._generated(schema, 0), "apiVersion": api_version, "kind": of}
            self._spoil(tree)
        path = kind.path(namespace, name, sub)
        match r.choice(("create", "create", "update", "patch", "patch", "patch", "get", "list", "delete")):
            case "create":
                return self._asking("POST", path if sub else kind.path(namespace), r.choice(TYPES), tree)
            case "update":
                return self._asking("PUT", path, r.choice(TYPES), tree)
            case "patch":
                return self._patch(path, tree)
            case "get":
                return self._asking("GET", path)
            case "list":
                return self._asking("GET", kind.path(r.choice((namespace, ""))))
        options = {r.choice(("gracePeriodSeconds", "preconditions", "propagationPolicy")): r.choice(WRONG)}
        if kind.kind == "Namespace":
            return self._asking("GET", path)
        return self._asking("DELETE", path, TYPES[0], options)

    def _asking(self, method: str, path: str, media: str = "", body: Any = None, query: str = "") -> Asking:
        r = self._r
        headers = [("content-type", media)] if media else []
        if r.random() < 0.2:
            headers.append(("accept", r.choice(ACCEPTS)))
        query = query or "&".join(
            f"{r.choice(PARAMETERS)}={quote(r.choice(VALUES))}" for _ in range(r.choice((0, 0, 1, 2)))
        )
        target = f"{path}?{query}" if query else path
        return Asking(method, target, tuple(headers), b"" if method == "GET" else self._bytes(body))

    def _patch(self, path: str, tree: Any) -> Asking:
        r = self._r
        media = r.choice(PATCHES)
        if media == PATCHES[0]:
            return self._asking("PATCH", path, media, self._operations())
        if media == PATCHES[3]:
            return self._asking("PATCH", path, media, tree, "fieldManager=x&force=true")
        if media == PATCHES[2] and isinstance(tree.get("spec"), dict):
            self._direct(tree["spec"])
        return self._asking("PATCH", path, media, tree)

    def _direct(self, spec: dict[str, Any]) -> None:
        """Directives of strategic merge patches, well and badly formed."""
        r = self._r
        for field in list(spec):
            if r.random() < 0.2:
                spec[f"$setElementOrder/{field}"] = r.choice(WRONG)
            if r.random() < 0.2:
                spec[field] = r.choice(
                    ({"$patch": "delete"}, [{"$patch": "replace"}], [{"$patch": None}], {"$patch": "x"})
                )
        if r.random() < 0.2:
            spec["$retainKeys"] = r.choice(WRONG)

    def _operations(self) -> Any:
        r = self._r
        made = [
            {
                name: value
                for name, value in {
                    "op": r.choice(OPERATIONS),
                    "path": r.choice(POINTERS),
                    "from": r.choice(POINTERS),
                    "value": r.choice(WRONG),
                }.items()
                if r.random() < 0.9
            }
            for _ in range(r.choice((1, 1, 3)))
        ]
        return r.choice((made, made, made, {}, None, [None], [1], "x"))

    def _bytes(self, tree: Any) -> bytes:
        r, body = self._r, json.dumps(tree).encode()
        chance = r.random()
        if chance < 0.04:
            return body[: r.randrange(len(body) + 1)]
        if chance < 0.07:
            spoilt = bytearray(body)
            for _ in range(3):
                spoilt[r.randrange(len(spoilt))] = r.randrange(256)
            return bytes(spoilt)
        return r.choice(BODIES) if chance < 0.1 else body

    # ---- objects

    def _object(self, kind: Kind) -> dict[str, Any]:
        samples = self._samples.get((kind.api_version, kind.kind), ())
        if samples and self._r.random() < 0.7:
            tree: dict[str, Any] = copy.deepcopy(self._r.choice(samples))
            return tree
        metadata = {"name": self._r.choice(("a", "b", "c"))}
        return {
            **self._generated(kind.schema, 0),
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": metadata,
        }

    def _name(self, tree: Any) -> str:
        metadata = tree.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return name if isinstance(name, str) and name else self._r.choice(("a", "b"))

    def _generated(self, name: str, depth: int) -> dict[str, Any]:
        found = definition(name)
        if found is None or depth > DEEPEST:
            return {}
        often = 0.35 if depth < 3 else 0.15
        return {
            field: self._value(schema, depth)
            for field, schema in found.fields.items()
            if field in found.required or self._r.random() < often
        }

    def _value(self, schema: Schema, depth: int) -> Any:
        r = self._r
        if schema.reference:
            return self._generated(schema.reference, depth + 1)
        if schema.item is not None:
            values = [self._value(schema.item, depth + 1) for _ in range(r.choice((0, 1, 1, 2)))]
            return values if schema.tag == "[]" else dict(zip(("a", "kubernetes.io/x"), values, strict=False))
        match schema.tag:
            case "string":
                return r.choice(TEXTS)
            case "boolean":
                return r.random() < 0.5
            case "int32" | "int64" | "double":
                return r.choice(NUMBERS)
            case "byte":
                return "aGk="
            case "time" | "microtime":
                return "2020-01-01T00:00:00Z"
            case "quantity":
                return r.choice(QUANTITIES)
            case "intorstr":
                return r.choice((1, "50%", "a"))
        return {"a": 1}

    def _spoil(self, tree: dict[str, Any]) -> None:
        """Changes the tree in place at some random paths."""
        r = self._r
        for _ in range(r.choice((1, 1, 2, 4))):
            found = list(places(tree))
            if not found:
                return
            holder, step = r.choice(found)
            if r.random() < 0.15:
                del holder[step]
            else:
                holder[step] = copy.deepcopy(r.choice(WRONG))


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """All that a tree holds, each as its holder and the step to it."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        yield tree, step
        yield from places(value)
