"""Access reviews about lists: a field selector counts as it would in the request itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.client.interface import Call
from pybernetes.clock import Env

from .transports import ADMIN, serving

SELECTORS: list[tuple[dict[str, Any], bool]] = [
    ({"rawSelector": "spec.nodeName=n1"}, True),
    ({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}, True),
    ({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n2"]}]}, False),
    ({"requirements": [{"key": "spec.nodeName", "operator": "NotIn", "values": ["n1"]}]}, False),
    ({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1", "n2"]}]}, False),
]


@pytest.mark.parametrize(("selector", "allowed"), SELECTORS)
def test_a_kubelet_may_list_its_own_pods(env: Env, selector: dict[str, Any], allowed: bool) -> None:
    async def main() -> None:
        async with serving(env) as server:
            asked = {"verb": "list", "version": "v1", "resource": "pods", "fieldSelector": selector}
            spec = {"user": "system:node:n1", "groups": ["system:nodes"], "resourceAttributes": asked}
            call = Call("create", kinds.SUBJECTACCESSREVIEW, body={"metadata": {}, "spec": spec})
            answer = await server.transport(ADMIN).call(call)
            assert answer["status"]["allowed"] is allowed

    asyncio.run(main())
