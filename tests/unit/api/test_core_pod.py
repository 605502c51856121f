"""The rules of pods: what a new one may be, what of one may change, what its status and its subresources take."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from kindrules import (
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    new_errors,
)
from podtrees import GOOD, NOT_RUNNING, C, container, one, pod

from pybernetes.api.features import drop_disabled
from pybernetes.api.kinds import DEPLOYMENT, POD

NOT_FOUND = "FieldValueNotFound"
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("good", GOOD, []),
    ("no containers", pod(containers=[]), [(REQUIRED, "spec.containers", "Required value")]),
    (
        "no name, no image",
        pod(containers=[{}]),
        [(REQUIRED, f"{C}.name", "Required value"), (REQUIRED, f"{C}.image", "Required value")],
    ),
    (
        "an image with a space",
        one(image=" nginx"),
        [(INVALID, f"{C}.image", 'Invalid value: " nginx": must not have leading or trailing whitespace')],
    ),
    (
        "two of one name",
        pod(containers=[container(), container()]),
        [(DUPLICATE, "spec.containers[1].name", 'Duplicate value: "c"')],
    ),
    (
        "a probe of an init container",
        pod(initContainers=[{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["a"]}}}]),
        [(FORBIDDEN, "spec.initContainers[0].livenessProbe", f"Forbidden: {NOT_RUNNING}")],
    ),
    (
        "two handlers",
        one(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 80}}),
        [
            (
                FORBIDDEN,
                f"{C}.livenessProbe.tcpSocket",
                "Forbidden: may not specify more than 1 handler type",
            )
        ],
    ),
    (
        "restart rules without a policy",
        one(restartPolicyRules=[{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]),
        [
            (
                REQUIRED,
                f"{C}.restartPolicy",
                "Required value: must specify restartPolicy when restart rules are used",
            )
        ],
    ),
    (
        "a resource that is none",
        one(resources={"requests": {"gpu": "1"}}),
        [
            (
                INVALID,
                f"{C}.resources.requests[gpu]",
                'Invalid value: "gpu": must be a standard resource type or fully qualified',
            ),
            (
                INVALID,
                f"{C}.resources.requests[gpu]",
                'Invalid value: "gpu": must be a standard resource for containers',
            ),
        ],
    ),
    (
        "more than the limit",
        one(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        [
            (
                INVALID,
                f"{C}.resources.requests",
                'Invalid value: "2": must be less than or equal to cpu limit of 1',
            )
        ],
    ),
    (
        "a claim that is not the pod's",
        one(resources={"claims": [{"name": "gpu"}]}),
        [
            (
                NOT_FOUND,
                f"{C}.resources.claims[0]",
                'Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty',
            )
        ],
    ),
    (
        "a claim of two kinds",
        pod(resourceClaims=[{"name": "g", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}]),
        [
            (
                INVALID,
                "spec.resourceClaims[0]",
                'Invalid value: {"Name":"g","ResourceClaimName":"a","ResourceClaimTemplateName":"b"}: '
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            )
        ],
    ),
    (
        "a volume that is not there",
        one(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        [(NOT_FOUND, f"{C}.volumeMounts[0].name", 'Not found: "v"')],
    ),
    (
        "a volume of two types, without a name",
        pod(volumes=[{"emptyDir": {}, "hostPath": {"path": "/a", "type": ""}}]),
        [
            (
                FORBIDDEN,
                "spec.volumes[0].hostPath",
                "Forbidden: may not specify more than 1 volume type",
            ),
            (REQUIRED, "spec.volumes[0].name", "Required value"),
        ],
    ),
    (
        "a claim of the pod's own",
        pod(
            volumes=[
                {
                    "name": "v",
                    "ephemeral": {"volumeClaimTemplate": {"metadata": {"name": "x"}, "spec": {}}},
                }
            ]
        ),
        [
            (
                FORBIDDEN,
                "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name",
                "Forbidden: cannot be set",
            ),
            (
                REQUIRED,
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes",
                "Required value: at least 1 access mode is required",
            ),
            (
                REQUIRED,
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]",
                "Required value",
            ),
        ],
    ),
    (
        "a port of the host twice",
        one(ports=[{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]),
        [(DUPLICATE, f"{C}.ports[1].hostPort", 'Duplicate value: "TCP//80"')],
    ),
    (
        "the host's network",
        pod(hostNetwork=True, containers=[container(ports=[{"containerPort": 80, "hostPort": 81}])]),
        [
            (
                INVALID,
                f"{C}.ports[0].hostPort",
                "Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
            )
        ],
    ),
    (
        "own users in the host's network",
        pod(hostUsers=False, hostNetwork=True),
        [(FORBIDDEN, "spec.hostNetwork", "Forbidden: when `hostUsers` is false")],
    ),
    (
        "no server for names",
        pod(dnsPolicy="None"),
        [
            (
                REQUIRED,
                "spec.dnsConfig",
                "Required value: must provide `dnsConfig` when `dnsPolicy` is None",
            )
        ],
    ),
    (
        "a policy that is none",
        pod(restartPolicy="Sometimes"),
        [
            (
                UNSUPPORTED,
                "spec.restartPolicy",
                'Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
            )
        ],
    ),
    (
        "seconds",
        pod(activeDeadlineSeconds=0, terminationGracePeriodSeconds=-1),
        [
            (
                INVALID,
                "spec.activeDeadlineSeconds",
                "Invalid value: 0: must be between 1 and 2147483647, inclusive",
            ),
            (
                INVALID,
                "spec.terminationGracePeriodSeconds",
                "Invalid value: -1: must be greater than or equal to 0",
            ),
        ],
    ),
    (
        "a toleration without a key",
        pod(tolerations=[{"operator": "Equal", "value": "x"}]),
        [
            (
                INVALID,
                "spec.tolerations[0].operator",
                'Invalid value: "Equal": operator must be Exists when `key` is empty, '
                'which means "match all values and all keys"',
            )
        ],
    ),
    (
        "spread",
        pod(topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Maybe"}]),
        [
            (
                INVALID,
                "spec.topologySpreadConstraints[0].maxSkew",
                "Invalid value: 0: must be greater than zero",
            ),
            (
                REQUIRED,
                "spec.topologySpreadConstraints[0].topologyKey",
                "Required value: can not be empty",
            ),
            (
                UNSUPPORTED,
                "spec.topologySpreadConstraints[0].whenUnsatisfiable",
                'Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"',
            ),
        ],
    ),
    (
        "weights and keys",
        pod(
            affinity={
                "podAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 0, "podAffinityTerm": {"topologyKey": "zone", "matchLabelKeys": ["a"]}}
                    ]
                }
            }
        ),
        [
            (
                INVALID,
                "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
                "Invalid value: 0: must be in the range 1-100",
            ),
            (
                FORBIDDEN,
                "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
                ".podAffinityTerm.matchLabelKeys",
                "Forbidden: must not be specified when labelSelector is not set",
            ),
        ],
    ),
    (
        "a field of a node",
        pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchFields": [{"key": "name", "operator": "Exists"}]},
                        ]
                    }
                }
            }
        ),
        [
            (
                INVALID,
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
                ".nodeSelectorTerms[0].matchFields[0].operator",
                'Invalid value: "Exists": not a valid selector operator',
            ),
            (
                INVALID,
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
                ".nodeSelectorTerms[0].matchFields[0].key",
                'Invalid value: "name": not a valid field selector key',
            ),
        ],
    ),
    (
        "an escalation",
        one(securityContext={"allowPrivilegeEscalation": False, "privileged": True}),
        [
            (
                INVALID,
                f"{C}.securityContext",
                'Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,'
                '"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,'
                '"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,'
                '"SeccompProfile":null,"AppArmorProfile":null}: '
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            )
        ],
    ),
    (
        "for another system",
        pod(os={"name": "windows"}, securityContext={"runAsUser": 1}),
        [
            (
                FORBIDDEN,
                "spec.securityContext.runAsUser",
                "Forbidden: cannot be set for a windows pod",
            )
        ],
    ),
    (
        "overhead",
        pod(overhead={"cpu": "-1"}),
        [
            (
                INVALID,
                "spec.overhead.limits[cpu]",
                'Invalid value: "-1": must be greater than or equal to 0',
            )
        ],
    ),
    (
        "a mirror of nothing, at an odd price",
        pod(
            annotations={
                "kubernetes.io/config.mirror": "x",
                "controller.kubernetes.io/pod-deletion-cost": "+1",
                "container.apparmor.security.beta.kubernetes.io/d": "never",
            }
        ),
        [
            (
                INVALID,
                "metadata.annotations[kubernetes.io/config.mirror]",
                'Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
            ),
            (
                INVALID,
                "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]",
                'Invalid value: "+1": must be a 32bit integer',
            ),
            (
                INVALID,
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/d]",
                'Invalid value: "d": container not found',
            ),
            (
                INVALID,
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/d]",
                'Invalid value: "never": invalid AppArmor profile name: "never"',
            ),
        ],
    ),
    (
        "two opinions",
        pod(
            annotations={"seccomp.security.alpha.kubernetes.io/pod": "unconfined"},
            securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
        ),
        [
            (
                FORBIDDEN,
                "spec.securityContext.seccompProfile.type",
                "Forbidden: seccomp type in annotation and field must match",
            )
        ],
    ),
    (
        "gates and debug containers",
        pod(
            schedulingGates=[{"name": "a"}],
            nodeName="n",
            ephemeralContainers=[{"name": "d", "image": "x", "terminationMessagePolicy": "File"}],
        ),
        [
            (FORBIDDEN, "spec.ephemeralContainers", "Forbidden: cannot be set on create"),
            (
                FORBIDDEN,
                "spec.nodeName",
                "Forbidden: cannot be set until all schedulingGates have been cleared",
            ),
        ],
    ),
]


@pytest.mark.parametrize(("tree", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_new_pod(tree: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert new_errors(POD, tree) == expected


def test_a_template_may_say_less() -> None:
    """The image of a template may have spaces, its containers in the host's network no port of it."""
    template = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "hostNetwork": True,
            "terminationGracePeriodSeconds": -1,
            "containers": [container(image=" x", ports=[{"containerPort": 80, "hostPort": 0}])],
        },
    }
    tree = {
        "metadata": {"name": "d", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    assert new_errors(DEPLOYMENT, tree) == []


def test_what_is_alpha_is_dropped_unless_it_was_there() -> None:
    tree = pod(
        containers=[container(lifecycle={"stopSignal": "SIGTERM"})],
        volumes=[{"name": "v", "emptyDir": {"mode": 1}}, {"name": "c", "configMap": {"defaultUser": 1}}],
    )
    old = copy.deepcopy(tree)
    drop_disabled(POD, tree, None, frozenset())
    assert tree["spec"]["containers"][0]["lifecycle"] == {}
    assert tree["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {}}]
    again = copy.deepcopy(old)
    drop_disabled(POD, again, old, frozenset())
    assert again == old


def test_the_strategy_of_creation() -> None:
    tree = pod(
        annotations={"container.apparmor.security.beta.kubernetes.io/c": "localhost/p"},
        topologySpreadConstraints=[
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {},
                "matchLabelKeys": ["hash", "absent"],
            }
        ],
    )
    tree["metadata"]["labels"] = {"hash": "1"}
    POD.prepare_create(tree)
    spec = tree["spec"]
    assert spec["containers"][0]["securityContext"] == {
        "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}
    }
    assert spec["topologySpreadConstraints"][0]["labelSelector"] == {
        "matchExpressions": [{"key": "hash", "operator": "In", "values": ["1"]}]
    }
    assert tree["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
