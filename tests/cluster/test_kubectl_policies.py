"""Admission policies in CEL through real kubectl: what they refuse, warn about and change, in upstream's words."""

from __future__ import annotations

import pytest

from tests.pyberup import Kubectl, eventually

pytestmark = pytest.mark.peer

VALIDATING = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {namespace}
    resourceRules:
    - apiGroups: ["apps"]
      apiVersions: ["v1"]
      operations: ["CREATE", "UPDATE"]
      resources: ["deployments"]
  variables:
  - name: most
    expression: "5"
  validations:
  - expression: "object.spec.replicas <= variables.most"
    messageExpression: "'replicas must be no greater than ' + string(variables.most)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {name}
spec:
  policyName: {name}
  validationActions: [{action}]
"""
MUTATING = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata:
  name: {name}
spec:
  matchConstraints:
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {namespace}
    resourceRules:
    - apiGroups: [""]
      apiVersions: ["v1"]
      operations: ["CREATE"]
      resources: ["configmaps"]
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >
        Object{{metadata: Object.metadata{{labels: {{"made-by": request.userInfo.username.lowerAscii()}}}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata:
  name: {name}
spec:
  policyName: {name}
"""


def create(kubectl: Kubectl, namespace: str, name: str, replicas: int) -> tuple[int, str]:
    done = kubectl.run(
        *(
            "create",
            "deployment",
            name,
            "-n",
            namespace,
            "--image=docker.io/nginx:latest",
            f"--replicas={replicas}",
        )
    )
    return done.returncode, done.stderr


def test_a_policy_refuses(kubectl: Kubectl, namespace: str) -> None:
    name = f"replicas-{namespace}"
    kubectl("apply", "-f", "-", stdin=VALIDATING.format(name=name, namespace=namespace, action="Deny"))
    try:

        def refused() -> str | None:
            code, error = create(kubectl, namespace, "many", 6)
            if code == 0:
                kubectl("delete", "deployment", "many", "-n", namespace)
            return error if code else None

        error = eventually("the policy to be in force", refused)
        why = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: replicas must be no greater than 5"
        assert f'deployments.apps "many" is forbidden: {why}' in error
        assert create(kubectl, namespace, "few", 0) == (0, "")
        done = kubectl.run("scale", "deployment", "few", "-n", namespace, "--replicas=0")
        assert done.returncode == 0
        done = kubectl.run("patch", "deployment", "few", "-n", namespace, "-p", '{"spec": {"replicas": 9}}')
        assert done.returncode == 1
        assert why in done.stderr
        row = kubectl("get", "validatingadmissionpolicy", name, "--no-headers").split()
        assert row[:3] == [name, "1", "<unset>"]
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)


def test_a_policy_warns(kubectl: Kubectl, namespace: str) -> None:
    name = f"warn-{namespace}"
    kubectl("apply", "-f", "-", stdin=VALIDATING.format(name=name, namespace=namespace, action="Warn"))
    try:

        def warned() -> str | None:
            code, error = create(kubectl, namespace, "many", 6)
            assert code == 0
            kubectl("delete", "deployment", "many", "-n", namespace)
            return error or None

        assert eventually("the policy to be in force", warned) == (
            f"Warning: Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}': "
            "replicas must be no greater than 5\n"
        )
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)


def test_a_policy_changes(kubectl: Kubectl, namespace: str) -> None:
    name = f"made-by-{namespace}"
    kubectl("apply", "-f", "-", stdin=MUTATING.format(name=name, namespace=namespace))
    try:

        def labelled() -> dict[str, str] | None:
            kubectl("create", "configmap", "c", "-n", namespace, "--from-literal=a=b")
            labels = kubectl.json("get", "configmap", "c", "-n", namespace)["metadata"].get("labels")
            kubectl("delete", "configmap", "c", "-n", namespace)
            return labels

        labels = eventually("the policy to be in force", labelled)
        assert list(labels) == ["made-by"]
    finally:
        kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", name)


def test_an_expression_that_does_not_compile_is_refused(kubectl: Kubectl, namespace: str) -> None:
    name = f"bad-{namespace}"
    policy = VALIDATING.format(name=name, namespace=namespace, action="Deny").partition("---")[0]
    done = kubectl.run(
        "create", "-f", "-", stdin=policy.replace("object.spec.replicas <= variables.most", "object.spec >")
    )
    assert done.returncode == 1
    assert (
        f'The ValidatingAdmissionPolicy "{name}" is invalid: spec.validations[0].expression: Invalid value: '
        in done.stderr
    )
    assert (
        "compilation failed: ERROR: <input>:1:14: Syntax error: mismatched input '<EOF>' expecting"
        in done.stderr
    )
