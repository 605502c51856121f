"""Strict field validation of bodies as they were sent (upstream: test/e2e/apimachinery/field_validation.go)."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api.kind import Kind
from tests.conformance.crds import ANYTHING, defined, definition, schema
from tests.conformance.scenario import Raw, Told

STRICT = "fieldManager=field_validation_mgr&fieldValidation=Strict"
PORT = schema(
    {
        "containerPort": {"type": "integer", "format": "int32"},
        "hostIP": {"type": "string"},
        "hostPort": {"type": "integer", "format": "int32"},
        "name": {"type": "string"},
        "protocol": {"type": "string"},
    },
    required=["containerPort", "protocol"],
)
SPEC: dict[str, Any] = {
    "foo": {"type": "string"},
    "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
    "ports": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "items": PORT,
    },
}
REST = """  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP"""


def head(kind: Kind, extra: str = "") -> str:
    """The beginning of a body; its first line is empty."""
    return f"""
apiVersion: {kind.api_version}
kind: {kind.kind}
metadata:
  name: mytest
{extra}  finalizers:
  - test-finalizer
"""


async def apply(raw: Raw, kind: Kind, text: str) -> Told:
    """A server-side apply of YAML; what it leaves is removed."""
    path = kind.path("", "mytest")
    headers = {"content-type": "application/apply-patch+yaml"}
    told = await raw("PATCH", f"{path}?{STRICT}", text.encode(), headers=headers)
    if told.status < 300:
        merge = {"content-type": "application/merge-patch+json"}
        await raw("PATCH", path, {"metadata": {"finalizers": None}}, headers=merge)
        await raw("DELETE", path)
    return told


def cluster_wide(plural: str, openapi: Any) -> dict[str, Any]:
    crd = definition(plural, openapi, versions=("v1beta1", "v1"))
    return {**crd, "spec": {**crd["spec"], "scope": "Cluster"}}


async def test_valid_instance(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] FieldValidation should create/apply a valid CR for CRD with validation schema [Conformance]"""
    async with defined(c, cluster_wide("valids", schema({"spec": schema(SPEC)}))) as kind:
        told = await apply(raw, kind, head(kind) + "spec:\n  foo: foo1\n" + REST)
        assert told.status == 201, told


async def test_unknown_without_schema(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema [Conformance]"""
    async with defined(c, cluster_wide("frees", ANYTHING)) as kind:
        told = await apply(raw, kind, head(kind) + "spec:\n  unknown: uk1\n" + REST)
        assert told.status == 201, told


async def test_extra_properties(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema [Conformance]"""
    async with defined(c, cluster_wide("extras", schema({"spec": schema(SPEC)}))) as kind:
        told = await apply(raw, kind, head(kind) + "unknownField: unknown\nspec:\n  foo: foo1\n" + REST)
        assert told.status >= 400
        assert ".unknownField: field not declared in schema" in told.json()["message"]


async def test_unknown_metadata_of_instances(c: Cluster, raw: Raw, ns: str) -> None:
    """[sig-api-machinery] FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR [Conformance]"""
    embedded = schema(
        {"metadata": schema({"name": {"type": "string"}}), "spec": {"type": "object"}},
        **{"x-kubernetes-embedded-resource": True},
    )
    keeping = {"x-kubernetes-preserve-unknown-fields": True}
    openapi = schema({"spec": schema({**SPEC, "template": embedded}, **keeping)})
    async with defined(c, cluster_wide("embeddeds", openapi)) as kind:
        body = f"""spec:
  template:
    apiversion: foo/v1
    kind: Sub
    metadata:
      unknownSubMeta: unknown
      name: subobject
      namespace: {ns}
  foo: foo1
"""
        told = await apply(raw, kind, head(kind, "  unknownMeta: unknown\n") + body + REST)
        assert told.status >= 400
        message = told.json()["message"]
        assert ".spec.template.metadata.unknownSubMeta: field not declared in schema" in message
        assert ".metadata.unknownMeta: field not declared in schema" in message


async def test_duplicates_where_all_is_kept(c: Cluster, raw: Raw) -> None:
    """[sig-api-machinery] FieldValidation should detect duplicates in a CR when preserving unknown fields [Conformance]"""
    keeping = {"x-kubernetes-preserve-unknown-fields": True}
    async with defined(c, cluster_wide("keepers", schema({"spec": schema(SPEC, **keeping)}))) as kind:
        body = head(kind) + "spec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2\n" + REST
        told = await apply(raw, kind, body)
        assert told.status >= 400
        assert 'line 11: key "foo" already set in map' in told.json()["message"]


DEPLOYMENT = """{
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "my-dep", %s "labels": {"app": "nginx"}},
    "spec": {
        %s
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {"containers": [{"name": "nginx", "image": "nginx:latest"}]}
        }
    }
}"""


async def post(raw: Raw, ns: str, text: str) -> str:
    told = await raw("POST", f"/apis/apps/v1/namespaces/{ns}/deployments?{STRICT}", text.encode())
    assert told.status == 400
    message: str = told.json()["message"]
    return message


async def test_typed_object(raw: Raw, ns: str) -> None:
    """[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]"""
    message = await post(raw, ns, DEPLOYMENT % ("", '"unknownField": "foo", "replicas": 2, "replicas": 3,'))
    assert (
        'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"' in message
    )


async def test_typed_metadata(raw: Raw, ns: str) -> None:
    """[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]"""
    message = await post(raw, ns, DEPLOYMENT % ('"unknownMeta": "foo",', ""))
    assert 'strict decoding error: unknown field "metadata.unknownMeta"' in message
