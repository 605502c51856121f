"""Discovery in its forms: protobuf says what JSON says, and the index names every path."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pybernetes.apiserver.protobuf.discovery import _FIELDS
from pybernetes.clock import Env
from pybernetes.lang.protobufwire import fields

from .asker import Asker, runner
from .transports import body_of

FORM = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def decoded(name: str, data: memoryview) -> dict[str, Any]:
    table = {number: (field, type_) for number, field, type_ in _FIELDS[name]}
    tree: dict[str, Any] = {}
    for number, value in fields(data):
        field, type_ = table[number]
        assert isinstance(value, memoryview)
        one = type_.removesuffix("*")
        shown = bytes(value).decode() if one == "string" else decoded(one, value)
        if type_.endswith("*"):
            tree.setdefault(field, []).append(shown)
        else:
            tree[field] = shown
    return tree


def without_nothing(tree: Any) -> Any:
    """Protobuf has no null, and nothing where a list is empty."""
    if isinstance(tree, dict):
        return {k: without_nothing(v) for k, v in tree.items() if v is not None and v != []}
    return [without_nothing(each) for each in tree] if isinstance(tree, list) else tree


@pytest.fixture
def run(env: Env) -> Callable[..., None]:
    return runner(env)


def test_aggregated_discovery_in_protobuf_says_what_json_says(run) -> None:
    async def scenario(ask: Asker) -> None:
        for path in ("/api", "/apis"):
            plain = await ask("GET", path, accept=f"application/json{FORM}")
            binary = await ask("GET", path, accept=f"{PROTOBUF}{FORM}")
            assert dict(binary.headers)["Content-Type"] == f"{PROTOBUF}{FORM}"
            body = await body_of(binary)
            assert body.startswith(b"k8s\x00")
            unknown = dict(fields(memoryview(body)[4:]))
            tree = decoded("APIGroupDiscoveryList", unknown[2])  # type: ignore[arg-type]
            wanted = without_nothing(json.loads(await body_of(plain)))
            assert tree["items"] == wanted["items"]
            assert dict(fields(unknown[1]))[2] == b"APIGroupDiscoveryList"  # type: ignore[arg-type]

    run(scenario)


def test_the_index_names_groups_versions_and_health(run) -> None:
    async def scenario(ask: Asker) -> None:
        paths = (await ask.tree("GET", "/"))["paths"]
        assert paths == sorted(paths)
        assert {"/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz/ping", "/openapi/v3"} <= set(
            paths
        )

    run(scenario)


def test_refusals_name_every_form(run) -> None:
    async def scenario(ask: Asker) -> None:
        refused = await ask("GET", "/api/v1/namespaces/default/configmaps", accept="text/plain")
        assert refused.status == 406
        assert json.loads(await body_of(refused))["message"] == (
            "only the following media types are accepted: application/json, application/yaml, " + PROTOBUF
        )

    run(scenario)


def test_flow_schemas_stand_in_the_order_in_which_they_are_asked(run) -> None:
    async def scenario(ask: Asker) -> None:
        table = await ask.tree(
            "GET",
            "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
            accept="application/json;as=Table;v=v1;g=meta.k8s.io",
        )
        order = [(row["cells"][2], row["cells"][0]) for row in table["rows"]]
        assert order == sorted(order)
        assert order[0] == (1, "exempt")

    run(scenario)
