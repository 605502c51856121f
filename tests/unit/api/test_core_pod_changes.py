"""What may change in a pod, what its status takes, and what its subresources for debugging and resizing take."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from kindrules import FORBIDDEN, INVALID, changed, said, status_errors, update_errors
from podtrees import GOOD, C, container, one, pod

from pybernetes.api.core.pod_ephemeral import validate_ephemeral_update
from pybernetes.api.core.pod_resize import take_resources, validate_resize
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import POD

TERM = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}


def affinity(*terms: Any) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


GATED = pod(schedulingGates=[{"name": "a"}], nodeSelector={"x": "y"}, affinity=affinity(TERM))
AFFINITY = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
UPDATES: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = [
    ("an image", GOOD, one(image="other"), []),
    (
        "another container",
        GOOD,
        pod(containers=[container(), container(name="d")]),
        [(FORBIDDEN, "spec.containers", "Forbidden: pod updates may not add or remove containers")],
    ),
    (
        "a deadline gone",
        pod(activeDeadlineSeconds=5),
        GOOD,
        [
            (
                INVALID,
                "spec.activeDeadlineSeconds",
                'Invalid value: "null": must not update from a positive integer to nil value',
            )
        ],
    ),
    (
        "a deadline later",
        pod(activeDeadlineSeconds=5),
        pod(activeDeadlineSeconds=6),
        [
            (
                INVALID,
                "spec.activeDeadlineSeconds",
                "Invalid value: 6: must be less than or equal to previous value",
            )
        ],
    ),
    (
        "a toleration gone",
        pod(tolerations=[{"key": "a", "operator": "Exists"}]),
        GOOD,
        [
            (
                FORBIDDEN,
                "spec.tolerations",
                "Forbidden: existing toleration can not be modified except its tolerationSeconds",
            )
        ],
    ),
    (
        "another gate",
        GATED,
        changed(GATED, spec__schedulingGates=[{"name": "a"}, {"name": "b"}]),
        [
            (
                FORBIDDEN,
                "spec.schedulingGates[1].name",
                "Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
            )
        ],
    ),
    ("a gated pod narrowed", GATED, changed(GATED, spec__nodeSelector={"x": "y", "z": "1"}), []),
    (
        "a gated pod moved",
        GATED,
        changed(GATED, spec__nodeSelector={"x": "other"}, spec__affinity=affinity(TERM, TERM)),
        [
            (
                INVALID,
                "spec.nodeSelector",
                'Invalid value: {"x":"other"}: only additions to spec.nodeSelector are allowed '
                "(no mutations or deletions)",
            ),
            (
                INVALID,
                AFFINITY,
                'Invalid value: [{"MatchExpressions":[{"Key":"a","Operator":"In","Values":["b"]}],'
                '"MatchFields":null},{"MatchExpressions":[{"Key":"a","Operator":"In","Values":["b"]}],'
                '"MatchFields":null}]: no additions/deletions to non-empty NodeSelectorTerms list are allowed',
            ),
        ],
    ),
    (
        "annotations that stay",
        pod(annotations={"kubernetes.io/config.mirror": "a"}, nodeName="n"),
        pod(annotations={"container.apparmor.security.beta.kubernetes.io/c": "unconfined"}, nodeName="n"),
        [
            (
                FORBIDDEN,
                "metadata.annotations[kubernetes.io/config.mirror]",
                "Forbidden: may not remove or update mirror pod annotation",
            ),
            (
                FORBIDDEN,
                "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]",
                "Forbidden: may not add AppArmor annotations",
            ),
        ],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), [case[1:] for case in UPDATES], ids=[case[0] for case in UPDATES]
)
def test_an_update(old: dict[str, Any], new: dict[str, Any], expected: list[Any]) -> None:
    assert update_errors(POD, new, old) == expected


def test_what_must_not_change_is_shown() -> None:
    ((reason, field, message),) = update_errors(POD, pod(hostname="a"), GOOD)
    assert (reason, field) == (FORBIDDEN, "spec")
    assert message.startswith("Forbidden: pod updates may not change fields other than ")
    assert "+ \tHostname:" in message.replace("\u00a0", " ")


def with_status(**status: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), "status": status}


def ended(code: int, **spec: Any) -> dict[str, Any]:
    state = {"name": "c", "state": {"terminated": {"exitCode": code}}}
    return {**pod(**spec), "status": {"containerStatuses": [state]}}


def running(**spec: Any) -> dict[str, Any]:
    return {**pod(**spec), "status": {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}}


STATUSES: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = [
    (
        with_status(),
        with_status(conditions=[{"type": "no good", "status": "True"}]),
        [(INVALID, "status.conditions[0].Type", "")],
    ),
    (
        with_status(qosClass="BestEffort"),
        with_status(qosClass="Burstable"),
        [(INVALID, "status.qosClass", 'Invalid value: "Burstable": field is immutable')],
    ),
    (
        {**pod(nodeName="n"), "status": {}},
        {**pod(nodeName="n"), "status": {"nominatedNodeName": "m"}},
        [
            (
                FORBIDDEN,
                "status.nominatedNodeName",
                "Forbidden: may not be set on pods that are already bound to a node",
            )
        ],
    ),
    (
        with_status(),
        with_status(podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]),
        [
            (
                INVALID,
                "status.podIPs",
                'Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family',
            )
        ],
    ),
    (
        with_status(),
        with_status(hostIP="10.0.0.1", hostIPs=[{"ip": "10.0.0.2"}]),
        [(INVALID, "status.hostIPs[0].ip", 'Invalid value: "10.0.0.2": must be equal to `hostIP`')],
    ),
    (
        ended(0, restartPolicy="OnFailure"),
        running(restartPolicy="OnFailure"),
        [
            (
                FORBIDDEN,
                "status.containerStatuses[0].state",
                "Forbidden: may not be transitioned to non-terminated state",
            )
        ],
    ),
    (ended(1, restartPolicy="OnFailure"), running(restartPolicy="OnFailure"), []),
    (ended(0, restartPolicy="Always"), running(restartPolicy="Always"), []),
    (
        with_status(),
        with_status(resourceClaimStatuses=[{"name": "a", "resourceClaimName": "b"}]),
        [
            (
                INVALID,
                "status.resourceClaimStatuses[0].name",
                'Invalid value: "a": must match the name of an entry in `spec.resourceClaims`',
            )
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), STATUSES)
def test_a_status(old: dict[str, Any], new: dict[str, Any], expected: list[Any]) -> None:
    found = status_errors(POD, new, old)
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert all(
        not wanted or wanted == message for (*_, message), (*_, wanted) in zip(found, expected, strict=True)
    )


def test_what_a_writer_of_a_status_leaves_out_stays() -> None:
    old = with_status(
        qosClass="BestEffort", conditions=[{"type": "Ready", "status": "True", "observedGeneration": 2}]
    )
    new = with_status(podIP="10.0.0.2", conditions=[{"type": "Ready", "status": "False"}])
    POD.prepare_status(new, old, 0.0)
    assert new["status"] == {
        "podIP": "10.0.0.2",
        "podIPs": [{"ip": "10.0.0.2"}],
        "qosClass": "BestEffort",
        "conditions": [{"type": "Ready", "status": "False", "observedGeneration": 2}],
    }


def ephemeral(new: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, str, str]]:
    errors = FieldErrors()
    validate_ephemeral_update(new, old, errors)
    return said(errors)


def test_debug_containers_stay_as_they_are() -> None:
    old = pod(ephemeralContainers=[{"name": "d", "image": "x"}])
    assert (
        ephemeral(pod(ephemeralContainers=[{"name": "d", "image": "x"}, {"name": "e", "image": "x"}]), old)
        == []
    )
    assert ephemeral(GOOD, old) == [
        (
            FORBIDDEN,
            "spec.ephemeralContainers",
            'Forbidden: existing ephemeral containers "d" may not be removed\n',
        )
    ]
    ((_, _, message),) = ephemeral(pod(ephemeralContainers=[{"name": "d", "image": "y"}]), old)
    assert message.startswith('Forbidden: existing ephemeral containers "d" may not be changed\n')
    assert '"y"' in message
    static = pod(annotations={"kubernetes.io/config.mirror": "a"}, nodeName="n")
    assert ephemeral(old, static) == [
        (FORBIDDEN, "[]", "Forbidden: static pods do not support ephemeral containers")
    ]


BURSTABLE = one(resources={"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}})


def resize(wanted: dict[str, Any], old: dict[str, Any]) -> list[tuple[str, str, str]]:
    new, errors = copy.deepcopy(old), FieldErrors()
    take_resources(new, wanted)
    validate_resize(new, old, errors)
    return said(errors)


RESIZES: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = [
    (BURSTABLE, one(resources={"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}), []),
    (
        GOOD,
        one(resources={"requests": {"memory": "40Mi"}}),
        [
            (
                INVALID,
                "spec",
                'Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
            )
        ],
    ),
    (
        BURSTABLE,
        one(resources={"requests": {"cpu": "1"}}),
        [(FORBIDDEN, f"{C}.resources.limits", "Forbidden: resource limits cannot be removed")],
    ),
    (
        BURSTABLE,
        one(resources={"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}, "limits": {"memory": "1Gi"}}),
        [(FORBIDDEN, "spec", "Forbidden: only cpu and memory resources are mutable")],
    ),
    (
        {**BURSTABLE, "status": {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}},
        BURSTABLE,
        [(FORBIDDEN, "spec", "Forbidden: Pod running on node without support for resize")],
    ),
    (
        pod(annotations={"kubernetes.io/config.mirror": "a"}, nodeName="n"),
        GOOD,
        [(FORBIDDEN, "[]", "Forbidden: static pods cannot be resized")],
    ),
    (
        pod(resources={"requests": {"cpu": "1"}}),
        GOOD,
        [
            (
                INVALID,
                "spec",
                'Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
            ),
            (FORBIDDEN, "spec.resources", "Forbidden: pod-level resources cannot be removed"),
        ],
    ),
]


@pytest.mark.parametrize(("old", "wanted", "expected"), RESIZES)
def test_a_resize(old: dict[str, Any], wanted: dict[str, Any], expected: list[Any]) -> None:
    assert resize(wanted, old) == expected
