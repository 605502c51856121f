"""FlowSchemas and PriorityLevelConfigurations (upstream: test/e2e/apimachinery/flowcontrol.go)."""

from __future__ import annotations

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import Raw, api_operations


def flow_schema(name: str) -> Obj:
    nobody = {"kind": "User", "user": {"name": "example-e2e-non-existent-user"}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    spec = {
        "matchingPrecedence": 10000,
        "priorityLevelConfiguration": {"name": "global-default"},
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [{"subjects": [nobody], "resourceRules": [everything]}],
    }
    return {"metadata": {"name": name}, "spec": spec}


def priority_level(name: str) -> Obj:
    limited = {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}
    return {"metadata": {"name": name}, "spec": {"type": "Limited", "limited": limited}}


async def status_round(c: Cluster, kind: Kind, obj: Obj) -> None:
    """The status takes patches and updates; the rest stays."""
    made = await c.client.create(kind, obj)
    name = made["metadata"]["name"]
    condition = {"type": "PatchStatusFailed", "status": "False", "reason": "Patched", "message": "by e2e"}
    patch = {"status": {"conditions": [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
    patched = await c.client.patch(kind, name, "", patch, subresource="status")
    assert [each["type"] for each in patched["status"]["conditions"]][-1] == "PatchStatusFailed"
    assert patched["spec"] == made["spec"]
    changed = [{**each, "message": "updated"} for each in patched["status"]["conditions"]]
    updated = await c.client.update(
        kind, {**patched, "status": {"conditions": changed}}, subresource="status"
    )
    assert {each["message"] for each in updated["status"]["conditions"]} == {"updated"}
    read = await c.client.get(kind, name, subresource="status")
    assert read["kind"] == kind.kind
    await c.client.delete(kind, name)


async def test_flow_schemas(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]"""
    await api_operations(raw, c.client, kinds.FLOWSCHEMA, flow_schema, subresources=("status",))
    await status_round(c, kinds.FLOWSCHEMA, flow_schema("with-status"))


async def test_priority_levels(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]"""
    kind = kinds.PRIORITYLEVELCONFIGURATION
    await api_operations(raw, c.client, kind, priority_level, subresources=("status",))
    await status_round(c, kind, priority_level("with-status"))
