"""Warnings of pods, pod templates, services and nodes, in upstream's words and at upstream's paths."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.podspec.warnings import pod_warnings

CONTAINER = {"name": "c", "image": "i"}


def of_pod(annotations: dict[str, str] | None = None, **spec: Any) -> list[str]:
    metadata = {"name": "p", "annotations": annotations or {}}
    return pod_warnings({"metadata": metadata, "spec": {"containers": [CONTAINER], **spec}})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"nodeSelector": {"beta.kubernetes.io/os": "linux"}},
            'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        ),
        (
            {"topologySpreadConstraints": [{"topologyKey": "x", "maxSkew": 1}]},
            "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        ),
        (
            {"volumes": [{"name": "v", "gitRepo": {"repository": "x"}}]},
            "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        ),
        (
            {"volumes": [{"name": "v", "rbd": {}}]},
            "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
        ),
        (
            {"hostAliases": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.1"}]},
            'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
        ),
        (
            {"imagePullSecrets": [{"name": "a"}, {"name": "a"}]},
            'spec.imagePullSecrets[1].name: duplicate name "a"',
        ),
        ({"imagePullSecrets": [{}]}, 'spec.imagePullSecrets[0].name: invalid empty name ""'),
        (
            {"containers": [{**CONTAINER, "resources": {"limits": {"memory": "100m"}}}]},
            'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
        ),
        (
            {
                "containers": [
                    {**CONTAINER, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
                ]
            },
            'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
        ),
        (
            {"containers": [{**CONTAINER, "ports": [{"containerPort": 80}, {"containerPort": 80}]}]},
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
        ),
        (
            {"initContainers": [{**CONTAINER, "ports": [{"containerPort": 80, "hostPort": 1}]}]}
            | {"containers": [{**CONTAINER, "ports": [{"containerPort": 80}]}]},
            "spec.containers[0].ports[0]: overlapping port definition with spec.initContainers[0].ports[0]",
        ),
        (
            {"terminationGracePeriodSeconds": -1},
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
        ),
        (
            {
                "affinity": {
                    "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "x"}]}
                }
            },
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: "
            "a null labelSelector results in matching no pod",
        ),
    ],
)
def test_pods(spec: dict[str, Any], expected: str) -> None:
    assert of_pod(**spec) == [expected]


def test_a_variable_may_extend_the_one_before() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}]
    assert of_pod(containers=[{**CONTAINER, "env": env}]) == []


def test_annotations() -> None:
    assert of_pod({"scheduler.alpha.kubernetes.io/critical-pod": ""}) == [
        "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: "
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ]
    assert of_pod({"container.seccomp.security.alpha.kubernetes.io/c": "x"}) == [
        "metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: "
        'non-functional in v1.27+; use the "seccompProfile" field instead'
    ]


def test_templates_of_every_workload_are_looked_at_when_they_change() -> None:
    template = {
        "metadata": {},
        "spec": {"containers": [CONTAINER], "nodeSelector": {"beta.kubernetes.io/os": "x"}},
    }
    message = 'nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'
    for kind in (
        kinds.DEPLOYMENT,
        kinds.REPLICASET,
        kinds.STATEFULSET,
        kinds.DAEMONSET,
        kinds.REPLICATIONCONTROLLER,
        kinds.JOB,
    ):
        tree = {"metadata": {"name": "x", "generation": 2}, "spec": {"template": template}}
        assert kind.warnings(tree, None) == [f"spec.template.spec.{message}"], kind
        assert kind.warnings(tree, tree) == [], kind
        old = {**tree, "metadata": {"name": "x", "generation": 1}}
        assert kind.warnings(tree, old) == [f"spec.template.spec.{message}"], kind
    job = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
    cronjob = {"metadata": {"name": "x"}, "spec": job}
    assert kinds.CRONJOB.warnings(cronjob, None) == [f"spec.jobTemplate.spec.template.spec.{message}"]
    podtemplate = {"metadata": {"name": "x"}, "template": template}
    assert kinds.PODTEMPLATE.warnings(podtemplate, None) == [f"template.spec.{message}"]


def test_services_and_nodes() -> None:
    def service(**spec: Any) -> list[str]:
        return kinds.SERVICE.warnings(
            {"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", **spec}}, None
        )

    assert service(externalIPs=["010.0.0.1"]) == [
        'spec.externalIPs[0]: non-standard IP address "010.0.0.1" will be considered invalid in a future Kubernetes '
        'release: use "10.0.0.1"',
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
    ]
    assert service(clusterIP="None", sessionAffinity="ClientIP") == [
        "spec.SessionAffinity is ignored for headless services"
    ]
    assert service(externalName="x") == ['spec.externalName is ignored when spec.type is not "ExternalName"']
    assert service(trafficDistribution="PreferClose") == [
        'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
    ]
    node = {"metadata": {"name": "n"}, "spec": {"externalID": "x"}}
    assert kinds.NODE.warnings(node, None) == [
        "spec.externalID: this field is deprecated, and is unused by Kubernetes"
    ]


def projected(*sources: dict[str, Any]) -> dict[str, Any]:
    return {"volumes": [{"name": "v", "projected": {"sources": sources}}]}


TEST = {"items": [{"key": "k", "path": "test"}]}
BAD_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            projected({"configMap": {"name": "c", **TEST}}, {"serviceAccountToken": {"path": "test"}}),
            [
                'volume "v" (Projected): overlapping paths: "test" (ServiceAccountToken) with "test" (ConfigMap "c")'
            ],
        ),
        (projected({}), ['volume "v" (Projected) has no sources provided']),
        (
            projected({"podCertificate": {"keyPath": "a", "credentialBundlePath": "a/b"}}),
            [
                'volume "v" (Projected): overlapping paths: "a/b" (PodCertificate credential bundle) '
                'with "a" (PodCertificate key)'
            ],
        ),
        (
            {
                "volumes": [
                    {
                        "name": "v",
                        "configMap": {
                            "name": "c",
                            "items": [{"path": "a"}, {"path": "a/b/"}, {"path": "ab"}],
                        },
                    }
                ]
            },
            ['volume "v" (ConfigMap "c"): overlapping paths: "a/b" with "a"'],
        ),
        (
            {
                "containers": [
                    {**CONTAINER, "ports": [{"name": "p", "containerPort": 80, "protocol": "TCP"}]},
                    {
                        "name": "d",
                        "ports": [
                            {
                                "name": "p",
                                "containerPort": 81,
                                "protocol": "TCP",
                                "hostIP": "1.2.3.4",
                            }
                        ],
                    },
                ]
            },
            [
                "spec.containers[1].ports[0]: hostIP set without hostPort: "
                "{Name:p HostPort:0 ContainerPort:81 Protocol:TCP HostIP:1.2.3.4}",
                'spec.containers[1].ports[0]: duplicate port name "p" with spec.containers[0].ports[0], services and '
                "probes that select ports by name will use spec.containers[0].ports[0]",
            ],
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {
                                "preference": {
                                    "matchExpressions": [{"key": "a", "operator": "In", "values": ["-1"]}]
                                }
                            }
                        ]
                    }
                }
            },
            [
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference"
                f".matchExpressions[0].values[0]: -1 is invalid, {BAD_LABEL}"
            ],
        ),
        (
            {"dnsConfig": {"nameservers": ["05.06.07.08"]}, "hostAliases": [{"ip": "::ffff:1.2.3.4"}]},
            [
                'spec.dnsConfig.nameservers[0]: non-standard IP address "05.06.07.08" will be considered invalid in a '
                'future Kubernetes release: use "5.6.7.8"',
                'spec.hostAliases[0].ip: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a '
                'future Kubernetes release: use "1.2.3.4"',
            ],
        ),
        (
            {
                "volumes": [
                    {
                        "name": "v",
                        "ephemeral": {
                            "volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1500m"}}}}
                        },
                    }
                ]
            },
            [
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: "
                'fractional byte value "1500m" is invalid, must be an integer'
            ],
        ),
    ],
)
def test_several(spec: dict[str, Any], expected: list[str]) -> None:
    assert of_pod(**spec) == expected
