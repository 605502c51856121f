"""ValidatingAdmissionPolicies and their bindings, by what they refuse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from pybernetes.api import kinds
from pybernetes.api.admissionregistration import expressions
from pybernetes.api.errors import ApiError, Forbidden, Invalid
from pybernetes.apiserver.admission.policies.compiled import Binding, Policy, expression_of
from pybernetes.apiserver.admission.validatingadmissionpolicy import Review
from pybernetes.apiserver.user import User
from pybernetes.wire.http.messages import Headers, Request

from .conftest import Client

PODS = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]}]
CONFIGMAPS = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}]


async def policy(
    client: Client,
    *expressions: Any,
    name: str = "p",
    rules: Any = CONFIGMAPS,
    match: Any = None,
    **spec: Any,
) -> Any:
    validations = [{"expression": each} if isinstance(each, str) else each for each in expressions]
    return await client.create(
        kinds.VALIDATINGADMISSIONPOLICY,
        name,
        spec={
            "matchConstraints": {"resourceRules": rules, **(match or {})},
            **({"validations": validations} if validations else {}),
            **spec,
        },
    )


async def binding(
    client: Client, name: str = "b", of: str = "p", actions: Any = ("Deny",), **spec: Any
) -> Any:
    return await client.create(
        kinds.VALIDATINGADMISSIONPOLICYBINDING,
        name,
        spec={"policyName": of, "validationActions": list(actions), **spec},
    )


async def configmap(client: Client, name: str = "c", data: Any = None, **rest: Any) -> Any:
    return await client.create(kinds.CONFIGMAP, name, data=data or {}, **rest)


async def refusal(doing: Any, error: type[ApiError] = Invalid) -> str:
    with pytest.raises(error) as caught:
        await doing
    return caught.value.message


def test_a_policy_refuses_what_its_expression_does_not_hold_for(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, "object.spec.containers.all(c, c.image.startsWith('ours/'))", rules=PODS)
        await client.pod("before")
        await binding(client)
        with pytest.raises(Invalid) as caught:
            await client.pod("bad")
        why = (
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: "
            "object.spec.containers.all(c, c.image.startsWith('ours/'))"
        )
        assert caught.value.message == f'pods "bad" is forbidden: {why}'
        status = caught.value.status()
        assert (status["code"], status["reason"]) == (422, "Invalid")
        assert status["details"] == {
            "name": "bad",
            "kind": "pods",
            "causes": [{"reason": "", "message": why}],
        }
        await client.pod("good", container={"image": "ours/web"})

    run(scenario)


def test_messages_and_reasons(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            {
                "expression": "!('a' in object.data)",
                "messageExpression": "'no a: ' + object.data.a",
                "message": "no a",
                "reason": "Forbidden",
            },
            {
                "expression": "!('b' in object.data)",
                "messageExpression": "string(object.data.x)",
                "message": "no b",
            },
        )
        await binding(client)
        assert (await refusal(configmap(client, data={"a": "1"}), Forbidden)).endswith(
            "denied request: no a: 1"
        )
        assert (await refusal(configmap(client, data={"b": "1"}))).endswith("denied request: no b")
        await configmap(client, data={"c": "1"})

    run(scenario)


@pytest.mark.parametrize("fails", ["Fail", "Ignore"])
def test_an_expression_without_a_value_counts_as_the_failure_policy_says(run, fails: str) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, "object.data.x == '1'", failurePolicy=fails)
        await binding(client)
        if fails == "Ignore":
            await configmap(client)
            return
        assert (await refusal(configmap(client, data={"y": ""}))).endswith(
            "denied request: expression 'object.data.x == '1'' resulted in error: no such key: x"
        )

    run(scenario)


def test_variables_are_composed(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            {
                "expression": "variables.twice <= 4",
                "messageExpression": "'twice is %d'.format([variables.twice])",
            },
            variables=[
                {"name": "count", "expression": "size(object.data)"},
                {"name": "twice", "expression": "variables.count * 2"},
                {"name": "broken", "expression": "object.data.nope"},
            ],
        )
        await binding(client)
        await configmap(client, "two", {"a": "", "b": ""})
        assert (await refusal(configmap(client, "three", {"a": "", "b": "", "c": ""}))).endswith("twice is 6")
        await policy(
            client,
            "variables.v == 'x'",
            name="q",
            variables=[{"name": "v", "expression": "object.data.nope"}],
        )
        await binding(client, "bq", "q")
        assert (await refusal(configmap(client, "none", {"a": ""}))).endswith(
            "denied request: expression 'variables.v == 'x'' resulted in error: "
            'composited variable "v" fails to evaluate: no such key: nope'
        )

    run(scenario)


def test_match_conditions_choose(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            "false",
            matchConditions=[
                {"name": "mine", "expression": "request.userInfo.username == 'mia'"},
                {"name": "delete-not", "expression": "request.operation != 'DELETE'"},
            ],
        )
        await binding(client)
        await configmap(client, "a")
        mia = client.as_(User("mia", groups=("system:masters",)))
        await refusal(configmap(mia, "b"))
        await mia.call("delete", kinds.CONFIGMAP, "a")

    run(scenario)


def test_a_match_condition_without_a_value(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, "false", matchConditions=[{"name": "x", "expression": "object.data.x == '1'"}])
        await binding(client)
        assert (await refusal(configmap(client, data={"y": "1"}))).endswith(
            "denied request: expression 'object.data.x == '1'' resulted in error: no such key: x"
        )

    run(scenario)


def test_selectors_and_exclusions(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.NAMESPACE, "prod", metadata={"labels": {"env": "prod"}})
        await policy(
            client,
            "false",
            match={
                "namespaceSelector": {"matchLabels": {"env": "prod"}},
                "objectSelector": {"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]},
                "excludeResourceRules": [{**CONFIGMAPS[0], "resourceNames": ["kept"]}],
            },
        )
        await binding(client, matchResources={"resourceRules": [{**CONFIGMAPS[0], "operations": ["CREATE"]}]})
        await configmap(client)
        await configmap(client, namespace="prod", metadata={"labels": {"free": "yes"}})
        await configmap(client, "kept", namespace="prod")
        await refusal(configmap(client, "other", namespace="prod"))
        await client.call("delete", kinds.CONFIGMAP, "kept", namespace="prod")

    run(scenario)


def test_another_version_of_the_kind_is_matched_and_shown(run) -> None:
    async def scenario(client: Client) -> None:
        rules = [
            {
                "apiGroups": ["autoscaling"],
                "apiVersions": ["v1"],
                "operations": ["*"],
                "resources": ["horizontalpodautoscalers"],
            }
        ]
        await policy(client, "object.spec.targetCPUUtilizationPercentage > 50", rules=rules)
        await binding(client)
        spec = {
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 40}},
                }
            ],
        }
        hpa = kinds.by_plural("autoscaling", "v2", "horizontalpodautoscalers")
        assert "failed expression" in await refusal(client.create(hpa, "h", spec=spec))

    run(scenario)


def test_parameters(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            "size(object.data) <= int(params.data.most)",
            rules=[{**CONFIGMAPS[0], "resources": ["secrets"]}],
            paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        )
        await binding(client, "named", paramRef={"name": "limits", "parameterNotFoundAction": "Deny"})
        secret = {"a": "YQ==", "b": "YQ=="}
        assert (await refusal(client.create(kinds.SECRET, "s", data=secret))).endswith(
            "denied request: failed to configure binding: no params found for policy binding with `Deny` "
            "parameterNotFoundAction"
        )
        await configmap(client, "limits", {"most": "1"})
        assert "failed expression" in await refusal(client.create(kinds.SECRET, "s", data=secret))
        await client.call("delete", kinds.VALIDATINGADMISSIONPOLICYBINDING, "named")
        await client.create(kinds.SECRET, "s", data=secret)
        await configmap(client, "lax", {"most": "9"}, metadata={"labels": {"limit": "yes"}})
        selector = {"matchLabels": {"limit": "yes"}}
        await binding(client, "some", paramRef={"selector": selector, "parameterNotFoundAction": "Allow"})
        await client.create(kinds.SECRET, "t", data=secret)
        await configmap(client, "strict", {"most": "0"}, metadata={"labels": {"limit": "yes"}})
        await refusal(client.create(kinds.SECRET, "u", data=secret))

    run(scenario)


def test_a_param_kind_that_is_not_served(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, "true", paramKind={"apiVersion": "example.com/v1", "kind": "Limit"})
        await binding(client, paramRef={"name": "x", "parameterNotFoundAction": "Deny"})
        assert (await refusal(configmap(client))).endswith(
            "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource "
            "referenced by paramKind: 'example.com/v1, Kind=Limit'"
        )

    run(scenario)


def test_warnings(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, {"expression": "has(object.data)", "message": "it is empty"})
        await binding(client, actions=["Warn", "Audit"])
        body = orjson.dumps({"metadata": {"name": "c"}, "data": {}})
        headers = Headers([("content-type", "application/json"), ("x-test-user", "admin")])
        path = "/api/v1/namespaces/default/configmaps"
        response = await client.server.handler(Request("POST", path, headers, body))
        assert response.status == 201
        (warning,) = [value for name, value in response.headers if name == "Warning"]
        assert "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': it is empty" in warning

    run(scenario)


def review(*, fails: bool = True) -> tuple[Review, Policy, dict[str, str]]:
    """A review of a write of {"data": {"a": "b"}} by a policy with annotations, and the audit annotations of its request."""
    names = expressions.names(params=False)
    made = Policy(
        "p",
        fails,
        None,
        None,
        (),
        {},
        (({"expression": "false", "message": "no"}, {"expression": expression_of("false", names, ())}),),
        (
            ("size", expression_of("'has ' + string(size(object.data))", names, expressions.ANNOTATION)),
            ("none", expression_of("null", names, expressions.ANNOTATION)),
            ("broken", expression_of("string(object.data.nope)", names, expressions.ANNOTATION)),
        ),
        False,
    )
    annotations: dict[str, str] = {}
    admission: Any = SimpleNamespace(
        ctx=SimpleNamespace(annotations=annotations), forbidden=lambda why: Forbidden(why)
    )
    found = Review(admission)
    found.values = lambda _kind: {"object": {"data": {"a": "b"}}}  # type: ignore[method-assign]
    return found, made, annotations


def test_what_the_audit_log_learns() -> None:
    found, made, annotations = review(fails=False)
    bound = Binding("b", "p", None, None, ("Audit",))
    found.validate(made, bound, kinds.CONFIGMAP, None)
    found.validate(made, bound, kinds.CONFIGMAP, None)
    found.conclude()
    assert annotations["p/size"] == "has 1"
    assert "p/none" not in annotations
    assert orjson.loads(annotations["validation.policy.admission.k8s.io/validation_failure"]) == [
        {
            "message": "no",
            "policy": "p",
            "binding": "b",
            "expressionIndex": 0,
            "validationActions": ["Audit"],
        }
    ]


def test_an_annotation_without_a_value_refuses() -> None:
    found, made, _ = review()
    found.validate(made, Binding("b", "p", None, None, ("Deny",)), kinds.CONFIGMAP, None)
    broken = "expression 'string(object.data.nope)' resulted in error: no such key: nope"
    assert [denial.decision.message for denial in found.denials] == ["no", broken]
    found, made, _ = review()
    found.validate(made, Binding("b", "p", None, None, ("Audit",)), kinds.CONFIGMAP, None)
    assert [denial.decision.message for denial in found.denials] == [broken]


def test_the_authorizer_answers(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            "authorizer.group('').resource('pods').namespace('default').check('create').allowed() && "
            "authorizer.requestResource.check('update').allowed()",
            "authorizer.path('/healthz').check('get').allowed() && !authorizer.serviceAccount('default', 'default').group('').resource('pods').check('get').allowed()",
        )
        await binding(client)
        await configmap(client)

    run(scenario)


def test_namespace_object_and_old_object(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(
            client,
            "namespaceObject.metadata.name == 'default' && namespaceObject.status.phase == 'Active'",
            "request.operation == 'CREATE' ? oldObject == null : request.operation == 'DELETE' ? object == null : "
            "oldObject.data.size() <= object.data.size()",
        )
        await binding(client)
        await configmap(client, data={"a": "1", "b": "2"})
        await client.patch(kinds.CONFIGMAP, "c", {"data": {"d": "3"}})
        await refusal(client.patch(kinds.CONFIGMAP, "c", {"data": {"a": None, "b": None}}))
        await client.call("delete", kinds.CONFIGMAP, "c")

    run(scenario)


def test_policies_are_not_asked_about_policies(run) -> None:
    async def scenario(client: Client) -> None:
        everything = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]
        await policy(client, "false", rules=everything)
        await binding(client)
        await refusal(configmap(client))
        await client.call("delete", kinds.VALIDATINGADMISSIONPOLICYBINDING, "b")
        await configmap(client)

    run(scenario)


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {"validations": [{"expression": "object.x >"}]},
            "spec.validations[0].expression",
            "compilation failed: ERROR: <input>:1:11: Syntax error: mismatched input '<EOF>' expecting",
        ),
        (
            {"validations": [{"expression": "1 + 1"}]},
            "spec.validations[0].expression",
            "must evaluate to bool",
        ),
        (
            {"validations": [{"expression": "params.x == 1"}]},
            "spec.validations[0].expression",
            "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n"
            " | params.x == 1\n | ^",
        ),
        (
            {"validations": [{"expression": "true", "messageExpression": "1"}]},
            "spec.validations[0].messageExpression",
            "must evaluate to string",
        ),
        (
            {
                "validations": [{"expression": "variables.b == 1"}],
                "variables": [{"name": "a", "expression": "1"}],
            },
            "spec.validations[0].expression",
            "compilation failed: ERROR: <input>:1:10: undefined field 'b'",
        ),
        (
            {"validations": [{"expression": "true"}], "variables": [{"name": "a", "expression": "1 + 'a'"}]},
            "spec.variables[0].expression",
            "compilation failed: ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'",
        ),
        (
            {
                "validations": [{"expression": "true"}],
                "matchConditions": [{"name": "a", "expression": "'a'"}],
            },
            "spec.matchConditions[0].expression",
            "must evaluate to bool",
        ),
        (
            {"auditAnnotations": [{"key": "k", "valueExpression": "1"}]},
            "spec.auditAnnotations[0].valueExpression",
            "must evaluate to one of [string null_type]",
        ),
    ],
)
def test_expressions_are_compiled_when_a_policy_is_written(run, spec: Any, field: str, message: str) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(Invalid) as caught:
            await policy(client, **spec)
        (cause,) = caught.value.causes
        assert cause.field == field
        assert message in cause.message

    run(scenario)


def test_an_expression_without_a_value_has_the_usual_reason(run) -> None:
    async def scenario(client: Client) -> None:
        await policy(client, {"expression": "object.data.nope == 'x'", "reason": "Forbidden"})
        await binding(client)
        with pytest.raises(Invalid) as caught:
            await configmap(client)
        assert caught.value.status()["reason"] == "Invalid"
        assert "no such key" in caught.value.message

    run(scenario)
