"""What is refused in pod specs: containers and the pod itself, in upstream's words and order."""

from __future__ import annotations

from typing import Any

import pytest
from podtrees import beginnings, with_account

Tree = dict[str, Any]


def one(**fields: Any) -> Tree:
    return with_account(containers=[{"name": "c", "image": "i", **fields}])


CASES: list[tuple[str, Tree, list[str]]] = [
    (
        "env",
        one(
            env=[
                {"name": "a=b", "value": "x"},
                {"name": "b", "valueFrom": {}},
                {"name": "c", "value": "x", "valueFrom": {"secretKeyRef": {"name": "", "key": "?"}}},
                {"name": "d", "valueFrom": {"resourceFieldRef": {"resource": "gpu"}}},
                {"name": "f", "valueFrom": {"fileKeyRef": {"volumeName": "", "path": "../x", "key": "?"}}},
            ]
        ),
        [
            "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
            'spec.containers[0].env[1].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fil …',
            "spec.containers[0].env[2].valueFrom.secretKeyRef.name: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character …",
            "spec.containers[0].env[2].valueFrom.secretKeyRef.key: Invalid value: \"?\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' …",
            'spec.containers[0].env[2].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
            'spec.containers[0].env[3].valueFrom.resourceFieldRef.resource: Unsupported value: "gpu": supported values: "limits.cpu", "limits.ephemeral-storage", " …',
            "spec.containers[0].env[4].valueFrom.fileKeyRef.volumeName: Required value",
            "spec.containers[0].env[4].valueFrom.fileKeyRef.path: Invalid value: \"../x\": must not contain '..'",
            'spec.containers[0].env[4].valueFrom.fileKeyRef.volumeName: Not found: ""',
        ],
    ),
    (
        "envFrom",
        one(envFrom=[{"prefix": "=", "configMapRef": {"name": ""}}, {}]),
        [
            'spec.containers[0].envFrom[0].prefix: Invalid value: "=": a valid environment variable name must consist only of printable ASCII characters other than …',
            "spec.containers[0].envFrom[0].configMapRef.name: Required value",
            'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        ],
    ),
    (
        "mounts",
        with_account(
            volumes=[{"name": "v", "emptyDir": {}}],
            containers=[
                {
                    "name": "c",
                    "image": "i",
                    "volumeMounts": [
                        {"name": "v", "mountPath": "/a", "subPath": "/x", "subPathExpr": "y"},
                        {"name": "v", "mountPath": "/a", "mountPropagation": "Odd"},
                        {"name": "v", "mountPath": "", "recursiveReadOnly": "Enabled"},
                    ],
                }
            ],
        ),
        [
            'spec.containers[0].volumeMounts.subPath: Invalid value: "/x": must be a relative path',
            'spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "y": subPathExpr and subPath are mutually exclusive',
            'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
            'spec.containers[0].volumeMounts.mountPropagation: Unsupported value: "Odd": supported values: "Bidirectional", "HostToContainer", "None"',
            "spec.containers[0].volumeMounts[2].mountPath: Required value",
            "spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
        ],
    ),
    (
        "devices",
        with_account(
            volumes=[{"name": "v", "emptyDir": {}}],
            containers=[
                {
                    "name": "c",
                    "image": "i",
                    "volumeDevices": [{"name": "v", "devicePath": "/a"}, {"name": "", "devicePath": "../b"}],
                }
            ],
        ),
        [
            'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
            "spec.containers[0].volumeDevices[1].name: Required value",
            'spec.containers[0].volumeDevices[1].name: Not found: ""',
            "spec.containers[0].volumeDevices[1].devicePath: Invalid value: \"../b\": can not contain backsteps ('..')",
        ],
    ),
    (
        "probes",
        one(
            livenessProbe={
                "httpGet": {"port": 70000, "path": "", "scheme": "FTP", "httpHeaders": [{"name": "a b"}]},
                "successThreshold": 2,
                "terminationGracePeriodSeconds": 0,
            },
            readinessProbe={"grpc": {"port": 0}, "terminationGracePeriodSeconds": 1, "periodSeconds": -1},
            startupProbe={},
        ),
        [
            "spec.containers[0].livenessProbe.httpGet.port: Invalid value: 70000: must be between 1 and 65535, inclusive",
            'spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"',
            "spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric characters or '-' …",
            "spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0",
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            "spec.containers[0].readinessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes",
            "spec.containers[0].startupProbe: Required value: must specify a handler type",
        ],
    ),
    (
        "lifecycle",
        one(lifecycle={"postStart": {"exec": {}}, "preStop": {"sleep": {"seconds": 99}}}),
        [
            "spec.containers[0].lifecycle.postStart.exec.command: Required value",
            "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 99: must be non-negative and less than terminationGracePeriodSeconds (30)",
        ],
    ),
    (
        "ports",
        one(
            ports=[
                {"name": "LONG-name-of-a-port", "containerPort": 0},
                {"name": "a", "containerPort": 1, "hostPort": 70000, "protocol": "X"},
                {"name": "a", "containerPort": 1},
            ]
        ),
        [
            'spec.containers[0].ports[0].name: Invalid value: "LONG-name-of-a-port": must be no more than 15 bytes',
            'spec.containers[0].ports[0].name: Invalid value: "LONG-name-of-a-port": must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)',
            "spec.containers[0].ports[0].containerPort: Required value",
            "spec.containers[0].ports[1].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            'spec.containers[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
            'spec.containers[0].ports[2].name: Duplicate value: "a"',
        ],
    ),
    (
        "resize",
        one(
            resizePolicy=[
                {"resourceName": "cpu", "restartPolicy": "Odd"},
                {"resourceName": "cpu", "restartPolicy": "NotRequired"},
                {"resourceName": "disk"},
            ]
        ),
        [
            'spec.containers[0].resizePolicy: Unsupported value: "Odd": supported values: "NotRequired", "RestartContainer"',
            'spec.containers[0].resizePolicy[1]: Duplicate value: "cpu"',
            'spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
            "spec.containers[0].resizePolicy: Required value",
        ],
    ),
    (
        "hugepages",
        one(resources={"requests": {"hugepages-2Mi": "3Mi"}, "limits": {"hugepages-2Mi": "3Mi"}}),
        [
            'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
        ],
    ),
    (
        "claims",
        with_account(
            resourceClaims=[{"name": "g", "resourceClaimName": "x"}],
            containers=[
                {
                    "name": "c",
                    "image": "i",
                    "resources": {"claims": [{"name": "g", "request": "r"}, {"name": "g"}, {"name": ""}]},
                }
            ],
        ),
        [
            'spec.containers[0].resources.claims[1]: Duplicate value: "g"',
            "spec.containers[0].resources.claims[2]: Required value",
        ],
    ),
    (
        "podlevel",
        with_account(
            resources={"requests": {"cpu": "1", "storage": "1"}, "claims": [{"name": "a"}]},
            containers=[{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}],
        ),
        [
            "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
            'spec.resources.requests[storage]: Unsupported value: "storage": supported values: "cpu", "hugepages-", "memory"',
            'spec.resources.claims[0]: Not found: "a": must be one of the names in pod.spec.resourceClaims which is empty',
            'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
        ],
    ),
    (
        "sysctls",
        with_account(
            securityContext={
                "sysctls": [{"name": "a!b"}, {"name": "kernel.sem"}, {"name": "kernel.sem"}],
                "fsGroupChangePolicy": "Odd",
                "supplementalGroups": [-1],
            },
            hostIPC=True,
        ),
        [
            "spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            'spec.securityContext.sysctls[0].name: Invalid value: "a!b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a …',
            "spec.securityContext.sysctls[1].name: Invalid value: \"kernel.sem\": may not be specified when 'hostIPC' is true",
            'spec.securityContext.sysctls[2].name: Duplicate value: "kernel.sem"',
            "spec.securityContext.sysctls[2].name: Invalid value: \"kernel.sem\": may not be specified when 'hostIPC' is true",
            'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Odd": supported values: "Always", "OnRootMismatch"',
        ],
    ),
    (
        "seccomp",
        with_account(
            securityContext={
                "seccompProfile": {"type": "Localhost"},
                "appArmorProfile": {"type": "Localhost", "localhostProfile": " a"},
            }
        ),
        [
            "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
            'spec.securityContext.appArmorProfile.localhostProfile: Invalid value: " a": must not be padded with whitespace',
        ],
    ),
    (
        "context",
        one(
            securityContext={
                "runAsUser": -1,
                "procMount": "Unmasked",
                "seccompProfile": {"type": "RuntimeDefault", "localhostProfile": "x"},
                "capabilities": {"add": ["CAP_SYS_ADMIN"]},
                "windowsOptions": {"runAsUserName": "a/b"},
            }
        ),
        [
            "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
            'spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"RuntimeDefault","LocalhostProfile":"x"}: can only be set w …',
            'spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a/b": runAsUserName\'s User cannot contain the following characters: " …',
        ],
    ),
    (
        "windows",
        with_account(os={"name": "linux"}, securityContext={"windowsOptions": {"hostProcess": True}}),
        [
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
            "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod",
        ],
    ),
    (
        "hostprocess",
        with_account(securityContext={"windowsOptions": {"hostProcess": True}}),
        [
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"
        ],
    ),
    (
        "dns",
        with_account(
            dnsConfig={"nameservers": ["1.2.3.4"] * 4, "searches": ["a b"], "options": [{"name": ""}]}
        ),
        [
            'spec.dnsConfig.nameservers: Invalid value: ["1.2.3.4","1.2.3.4","1.2.3.4","1.2.3.4"]: must not have more than 3 nameservers',
            "spec.dnsConfig.searches[0]: Invalid value: \"a b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character or an underscore …",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ],
    ),
    (
        "override",
        with_account(hostnameOverride="A", setHostnameAsFQDN=True),
        [
            "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true",
            "spec.hostnameOverride: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character …",
        ],
    ),
    (
        "readiness",
        with_account(
            readinessGates=[{"conditionType": "a b"}], schedulingGates=[{"name": "a"}, {"name": "a"}]
        ),
        [
            "spec.readinessGates[0].conditionType: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character …",
            'spec.schedulingGates[1]: Duplicate value: "a"',
        ],
    ),
    (
        "group",
        with_account(schedulingGroup={}),
        ['spec.schedulingGroup: Invalid value: "null": must specify one of: `podGroupName`'],
    ),
    (
        "tolerations",
        with_account(
            tolerations=[
                {"key": "a", "operator": "Exists", "value": "x"},
                {"key": "a", "operator": "Odd", "effect": "Odd"},
                {"key": "a", "operator": "Exists", "tolerationSeconds": 1, "effect": "NoSchedule"},
            ]
        ),
        [
            "spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'",
            'spec.tolerations[1].operator: Unsupported value: "Odd": supported values: "Equal", "Exists"',
            'spec.tolerations[1].effect: Unsupported value: "Odd": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
            "spec.tolerations[2].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
        ],
    ),
]


@pytest.mark.parametrize(("tree", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rules(tree: Tree, expected: list[str]) -> None:
    assert beginnings(tree, expected) == expected
