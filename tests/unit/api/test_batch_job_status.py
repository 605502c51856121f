"""What the status of a Job may say, and how it may change."""

from __future__ import annotations

import pytest
from jobtrees import COMPLETE, END, FAILED, INDEXED, NOT_NEGATIVE, START, job, true

from pybernetes.api.batch.job import JOB
from pybernetes.api.fielderrors import FieldErrors

STATUSES: list[tuple[dict, dict, list[str]]] = [
    ({}, COMPLETE, []),
    ({}, FAILED, []),
    ({}, {"active": -1}, [f"active: Invalid value: -1: {NOT_NEGATIVE}"]),
    (
        {},
        {"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}},
        [
            'uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
            'uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
        ],
    ),
    (
        {},
        {**COMPLETE, "conditions": true("Complete")},
        [
            "conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        ],
    ),
    (
        {},
        {"startTime": START, "conditions": true("Failed")},
        [
            "conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition"
        ],
    ),
    (
        {},
        {"startTime": START, "conditions": true("SuccessCriteriaMet", "FailureTarget")},
        ["conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"],
    ),
    (
        {},
        {"completionTime": END},
        [
            f'completionTime: Invalid value: "{END}": cannot set completionTime when there is no Complete=True '
            "condition"
        ],
    ),
    (
        {},
        {"conditions": true("SuccessCriteriaMet", "Complete")},
        [
            "completionTime: Required value: completionTime is required for Complete jobs",
            "startTime: Required value: startTime is required for finished job",
        ],
    ),
    (
        {},
        {**COMPLETE, "completionTime": START, "startTime": END},
        [f'completionTime: Invalid value: "{START}": completionTime cannot be set before startTime'],
    ),
    (
        {},
        {**FAILED, "active": 1, "terminating": 2, "uncountedTerminatedPods": {"failed": ["a"]}},
        [
            "active: Invalid value: 1: active>0 is invalid for finished job",
            'uncountedTerminatedPods: Invalid value: {"failed":["a"]}: uncountedTerminatedPods needs to be empty '
            "for finished job",
            "terminating: Invalid value: 2: terminating>0 is invalid for finished job",
        ],
    ),
    ({}, {"active": 1, "ready": 2}, ["ready: Invalid value: 2: cannot set more ready pods than active"]),
    (
        {},
        {"completedIndexes": "0"},
        [
            'completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed '
            "completion mode"
        ],
    ),
    (
        {},
        {"failedIndexes": ""},
        [
            'failedIndexes: Invalid value: "": cannot set non-null failedIndexes when backoffLimitPerIndex is null'
        ],
    ),
    ({"failed": 2}, {"failed": 1}, ["failed: Invalid value: 1: cannot decrease the failed counter"]),
    ({"succeeded": 2}, {}, ["succeeded: Invalid value: 0: cannot decrease the succeeded counter"]),
    (
        FAILED,
        {"startTime": START},
        [
            "conditions: Invalid value: cannot disable the terminal Failed=True condition",
            "conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
        ],
    ),
    (
        COMPLETE,
        {**COMPLETE, "completionTime": "2026-09-21T16:00:00Z"},
        ['completionTime: Invalid value: "2026-09-21T16:00:00Z": completionTime cannot be mutated'],
    ),
    (
        {"startTime": START},
        {},
        ["startTime: Required value: startTime cannot be removed for unsuspended job"],
    ),
    (
        {"startTime": START, "conditions": true("SuccessCriteriaMet")},
        {"startTime": START},
        ["conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition"],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), STATUSES)
def test_status(before: dict, after: dict, expected: list[str]) -> None:
    tree = job(parallelism=1)
    errors = FieldErrors()
    JOB.validate_status({**tree, "status": after}, {**tree, "status": before}, errors)
    assert list(errors) == [f"status.{each}" for each in expected]


def test_status_of_indexes() -> None:
    tree = job(**INDEXED, backoffLimitPerIndex=1)
    errors = FieldErrors()
    after = {"completedIndexes": "0-2", "failedIndexes": "2,9"}
    JOB.validate_status({**tree, "status": after}, tree, errors)
    assert list(errors) == [
        'status.failedIndexes: Invalid value: "2,9": error parsing failedIndexes: too large index: "9"'
    ]
    errors = FieldErrors()
    after["failedIndexes"] = "2"
    JOB.validate_status({**tree, "status": after}, tree, errors)
    assert list(errors) == [
        'status.failedIndexes: Invalid value: "2": failedIndexes and completedIndexes overlap at index: 2'
    ]


# Warnings and the table
