"""APIServices: defaults, local ones, rules, the table row."""

from __future__ import annotations

import pytest
from kindrules import CREATED, INVALID, REQUIRED, UNSUPPORTED, changed, new_errors, row, status_errors

from pybernetes.api.kinds import APISERVICE as KIND


def service(**spec: object) -> dict:
    return {
        "metadata": {"name": "v1.metrics.example.com", "creationTimestamp": CREATED},
        "spec": {
            "group": "metrics.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 15,
            **spec,
        },
    }


REMOTE = {"namespace": "kube-system", "name": "metrics"}


def test_defaults_and_local_services() -> None:
    tree = changed(service(service=REMOTE))
    KIND.default(tree)
    assert tree["spec"]["service"]["port"] == 443
    KIND.prepare_create(tree)
    assert tree["status"] == {}
    tree = service()
    KIND.prepare_create(tree)
    assert tree["status"]["conditions"] == [
        {
            "type": "Available",
            "status": "True",
            "lastTransitionTime": CREATED,
            "reason": "Local",
            "message": "Local APIServices are always available",
        }
    ]


@pytest.mark.parametrize(
    ("spec", "reason", "field", "message"),
    [
        (
            {"groupPriorityMinimum": 20001},
            INVALID,
            "groupPriorityMinimum",
            "Invalid value: 20001: must be positive and less than 20000",
        ),
        (
            {"versionPriority": 0},
            INVALID,
            "versionPriority",
            "Invalid value: 0: must be positive and less than 1000",
        ),
        (
            {"caBundle": "aGVsbG8="},
            INVALID,
            "caBundle",
            'Invalid value: "5 bytes": local APIServices may not have a caBundle',
        ),
        (
            {"insecureSkipTLSVerify": True},
            INVALID,
            "insecureSkipTLSVerify",
            "Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
        ),
        ({"service": {"name": "metrics"}}, REQUIRED, "service.namespace", "Required value"),
        (
            {"service": {**REMOTE, "port": 99999}},
            INVALID,
            "service.port",
            "Invalid value: 99999: port is not valid: must be between 1 and 65535, inclusive",
        ),
        (
            {"service": REMOTE, "insecureSkipTLSVerify": True, "caBundle": "aGVsbG8="},
            INVALID,
            "insecureSkipTLSVerify",
            "Invalid value: true: may not be true if caBundle is present",
        ),
    ],
)
def test_rules(spec: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(KIND, service()) == []
    assert new_errors(KIND, service(service=REMOTE)) == []
    assert new_errors(KIND, service(**spec)) == [(reason, f"spec.{field}", message)]


def test_the_name_says_what_is_served() -> None:
    assert new_errors(KIND, changed(service(), metadata__name="v2.other")) == [
        (
            INVALID,
            "metadata.name",
            'Invalid value: "v2.other": must be `spec.version+"."+spec.group`: "v1.metrics.example.com"',
        )
    ]
    legacy = changed(service(), metadata__name="v2.", spec__group="", spec__version="v2")
    assert new_errors(KIND, legacy) == [
        (
            REQUIRED,
            "spec.group",
            "Required value: only v1 may have an empty group and it better be legacy kube",
        )
    ]


def test_status_and_columns() -> None:
    def with_condition(status: str, reason: str = "") -> dict:
        condition = {"type": "Available", "status": status, "reason": reason}
        return {**service(service=REMOTE), "status": {"conditions": [condition]}}

    assert status_errors(KIND, with_condition("False", "Down"), service()) == []
    assert status_errors(KIND, with_condition("Maybe"), service())[0][:2] == (
        UNSUPPORTED,
        "status.conditions[0].status",
    )
    assert row(KIND, with_condition("False", "MissingEndpoints")) == {
        "Name": "v1.metrics.example.com",
        "Service": "kube-system/metrics",
        "Available": "False (MissingEndpoints)",
        "Age": "60s",
    }
    assert row(KIND, service())["Service"] == "Local"
    assert row(KIND, service())["Available"] == "Unknown"
