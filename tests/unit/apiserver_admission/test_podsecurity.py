"""PodSecurity: each check with upstream's sentence, levels and versions, and the plugin over the API."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import Forbidden, Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.apiserver.admission.podsecurity.checks import checks_of, evaluate
from pybernetes.apiserver.admission.podsecurity.levels import LATEST, LevelVersion, policy_of
from tests.apiserver.transports import body_of

from .conftest import Client

BASELINE, RESTRICTED = LevelVersion("baseline"), LevelVersion("restricted")
GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(container: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "i", **(container or {})}], **rest}


def context(**fields: Any) -> dict[str, Any]:
    return spec({"securityContext": {**GOOD, **fields}})


BASELINE_CASES = [
    (spec({"securityContext": {"privileged": True}}), 'privileged (container "c" must not set securityContext.privileged=true)'),
    (spec(hostNetwork=True, hostPID=True, hostIPC=True), "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)"),
    (spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "hostPath": {"path": "/"}}]), 'hostPath volumes (volumes "v", "w")'),
    (spec({"ports": [{"hostPort": 80}, {"hostPort": 443}]}), 'hostPort (container "c" uses hostPorts 443, 80)'),
    (spec({"livenessProbe": {"httpGet": {"host": "1.2.3.4"}}}), 'probe or lifecycle host (container "c" uses probe or lifecycle host "1.2.3.4")'),
    (spec({"securityContext": {"procMount": "Unmasked"}}), 'procMount (container "c" must not set securityContext.procMount to "Unmasked")'),
    (spec({"securityContext": {"capabilities": {"add": ["NET_ADMIN", "CHOWN", "BPF"]}}}), 'non-default capabilities (container "c" must not include "BPF", "NET_ADMIN" in securityContext.capabilities.add)'),
    (spec({"securityContext": {"seLinuxOptions": {"type": "x", "user": "u"}}}), 'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)'),
    (spec(securityContext={"seccompProfile": {"type": "Unconfined"}}), 'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'),
    (spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}), "forbidden sysctls (kernel.msgmax)"),
    (spec(securityContext={"windowsOptions": {"hostProcess": True}}), "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"),
    (spec(securityContext={"appArmorProfile": {"type": "Unconfined"}}), 'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")'),
]  # fmt: skip
RESTRICTED_CASES = [
    (context(allowPrivilegeEscalation=True), 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)'),
    (context(capabilities={"add": ["CHOWN"]}), 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)'),
    (context(runAsNonRoot=False), 'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'),
    (context(runAsNonRoot=None), 'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)'),
    (context(runAsUser=0), 'runAsUser=0 (container "c" must not set runAsUser=0)'),
    (context(seccompProfile=None), 'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'),
    ({**context(), "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'restricted volume types (volume "v" uses restricted volume type "hostPath")'),
    ({**context(), "volumes": [{"name": "v", "nfs": {}}, {"name": "w", "emptyDir": {}}]}, 'restricted volume types (volume "v" uses restricted volume type "nfs")'),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "message"), BASELINE_CASES)
def test_baseline(tree: dict[str, Any], message: str) -> None:
    assert [str(finding) for finding in evaluate(BASELINE, {}, tree)] == [message]
    assert evaluate(LevelVersion("privileged"), {}, tree) == []


@pytest.mark.parametrize(("tree", "message"), RESTRICTED_CASES)
def test_restricted(tree: dict[str, Any], message: str) -> None:
    assert [str(finding) for finding in evaluate(RESTRICTED, {}, tree)] == [message]


def test_a_hardened_pod_passes_everywhere() -> None:
    assert evaluate(RESTRICTED, {}, context()) == []


VERSION_CASES = [
    ("baseline", 33, spec({"livenessProbe": {"httpGet": {"host": "h"}}})),
    ("restricted", 24, {**context(runAsUser=1), "os": {"name": "linux"}}),
    ("restricted", 22, context(runAsUser=0)),
    ("baseline", LATEST, {**spec({"securityContext": {"procMount": "Unmasked"}}), "hostUsers": False}),
    ("restricted", LATEST, {**spec({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}), "os": {"name": "windows"}, "hostUsers": False}),
]  # fmt: skip


@pytest.mark.parametrize(("level", "minor", "tree"), VERSION_CASES)
def test_what_an_older_version_or_another_system_allows(level: str, minor: int, tree: dict[str, Any]) -> None:
    assert evaluate(LevelVersion(level, minor), {}, tree) == []


def test_the_restricted_checks_replace_those_of_baseline() -> None:
    ids = [check.id for check in checks_of(RESTRICTED)]
    assert "capabilities_baseline" not in ids
    assert ids == [*ids[:9], "allowPrivilegeEscalation", "capabilities_restricted", "restrictedVolumes", "runAsNonRoot", "runAsUser", "seccompProfile_restricted"]  # fmt: skip
    assert "capabilities_baseline" in [check.id for check in checks_of(LevelVersion("restricted", 21))]


def test_labels_are_read() -> None:
    errors = FieldErrors()
    prefix = "pod-security.kubernetes.io/"
    policy = policy_of({f"{prefix}enforce": "baseline", f"{prefix}enforce-version": "v1.24"}, errors)
    assert (str(policy.enforce), str(policy.warn), str(policy.audit)) == (
        "baseline:v1.24",
        "baseline:v1.24",
        "privileged:latest",
    )
    policy = policy_of({f"{prefix}enforce": "bad", f"{prefix}warn": "bad"}, errors)
    assert (policy.enforce.level, policy.warn.level) == ("restricted", "privileged")
    assert list(errors) == [
        'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "bad": must be one of privileged, baseline, restricted',
        'metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "bad": must be one of privileged, baseline, restricted',
    ]


def labelled(**modes: str) -> dict[str, Any]:
    return {"labels": {f"pod-security.kubernetes.io/{mode}": level for mode, level in modes.items()}}


def test_pods_are_refused_with_upstreams_message(run) -> None:
    async def scenario(client: Client) -> None:
        await client.create(kinds.NAMESPACE, "strict", metadata=labelled(enforce="restricted"))
        await client.create(kinds.SERVICEACCOUNT, "default", namespace="strict")
        with pytest.raises(Forbidden) as caught:
            await client.pod("x", namespace="strict")
        assert caught.value.message == (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
            '(container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities '
            '(container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
            'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set '
            'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
        )
        await client.pod("y", namespace="strict", container={"securityContext": GOOD})
        await client.patch(kinds.POD, "y", {"metadata": {"labels": {"a": "b"}}}, namespace="strict")

    run(scenario)


async def warnings_of(client: Client, method: str, path: str, body: Any) -> list[str]:
    import json

    from pybernetes.wire.http.messages import Headers, Request

    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = Headers([("x-test-user", "admin"), ("content-type", kind)])
    response = await client.server.handler(Request(method, path, headers, json.dumps(body).encode()))
    assert response.status < 300, await body_of(response)
    return [value for name, value in response.headers if name == "Warning"]


def test_templates_and_namespaces_are_warned_about(run) -> None:
    async def scenario(client: Client) -> None:
        metadata = labelled(enforce="privileged", warn="baseline")
        await client.create(kinds.NAMESPACE, "mild", metadata=metadata)
        await client.create(kinds.SERVICEACCOUNT, "default", namespace="mild")
        template = {"metadata": {"labels": {"a": "b"}}, "spec": spec(hostNetwork=True)}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
        }
        path = "/apis/apps/v1/namespaces/mild/deployments"
        (warning,) = await warnings_of(client, "POST", path, deployment)
        assert (
            'would violate PodSecurity \\"baseline:latest\\": host namespaces (hostNetwork=true)' in warning
        )
        for name in "bac":
            await client.pod(name, namespace="mild", hostNetwork=True)
        change = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
        first, second = await warnings_of(client, "PATCH", "/api/v1/namespaces/mild", change)
        assert "existing pods in namespace" in first
        assert "a (and 2 other pods): host namespaces" in second
        change = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce-version": "1.24"}}}
        with pytest.raises(Invalid) as caught:
            await client.patch(kinds.NAMESPACE, "mild", change)
        assert 'must be "latest" or "v1.x"' in caught.value.message

    run(scenario)
