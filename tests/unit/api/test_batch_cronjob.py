"""CronJobs: defaults, schedules and time zones, rules, warnings, the table row."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pybernetes.api.batch.cronjob import CRONJOB
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
ZONED = "CRON_TZ=UTC * * * * *"
NO_ZONE = f'"{ZONED}": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'


def cronjob(name: str = "tick", job: dict | None = None, **spec: Any) -> dict:
    pod = {"containers": [{"name": "main", "image": "busybox:1"}], "restartPolicy": "OnFailure"}
    tree = {
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": {"spec": {"template": {"spec": pod}, **(job or {})}},
            **spec,
        },
    }
    CRONJOB.default(tree)
    CRONJOB.prepare_create(tree)
    return tree


def found(tree: dict, old: dict | None = None) -> list[str]:
    errors = FieldErrors()
    CRONJOB.validate(tree, errors)
    if old is None:
        CRONJOB.validate_create(tree, errors)
    else:
        CRONJOB.validate_update(tree, old, errors)
    return list(errors)


def test_defaults() -> None:
    spec = cronjob()["spec"]
    job = spec.pop("jobTemplate")["spec"]
    assert spec == {
        "schedule": "*/5 * * * *",
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    assert set(job) == {"template"}
    assert job["template"]["spec"]["schedulerName"] == "default-scheduler"


RULES: list[tuple[dict, list[str]]] = [
    ({}, []),
    ({"schedule": "@daily", "timeZone": "Europe/Berlin"}, []),
    ({"schedule": ""}, ["spec.schedule: Required value"]),
    (
        {"schedule": "61 * * * *"},
        ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
    ),
    ({"schedule": ZONED}, [f"spec.schedule: Invalid value: {NO_ZONE}"]),
    (
        {"timeZone": "Europe/Pariss"},
        ['spec.timeZone: Invalid value: "Europe/Pariss": unknown time zone Europe/Pariss'],
    ),
    ({"timeZone": "../etc"}, ['spec.timeZone: Invalid value: "../etc": unknown time zone ../etc']),
    ({"timeZone": "Europe"}, ['spec.timeZone: Invalid value: "Europe": unknown time zone Europe']),
    ({"timeZone": ""}, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
    (
        {"timeZone": "Local"},
        [
            'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in '
            "https://www.iana.org/time-zones"
        ],
    ),
    (
        {"startingDeadlineSeconds": -1},
        ["spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        {"concurrencyPolicy": "Queue"},
        [
            'spec.concurrencyPolicy: Unsupported value: "Queue": '
            'supported values: "Allow", "Forbid", "Replace"'
        ],
    ),
    (
        {"successfulJobsHistoryLimit": -1},
        ["spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        {"job": {"selector": {"matchLabels": {"a": "b"}}, "manualSelector": True, "parallelism": -1}},
        [
            "spec.jobTemplate.spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
            'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: '
            "`selector` will be auto-generated",
            'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
        ],
    ),
    (
        {"name": "a" * 53},
        [f'metadata.name: Invalid value: "{"a" * 53}": must be no more than 52 characters'],
    ),
]


@pytest.mark.parametrize(("fields", "expected"), RULES)
def test_rules(fields: dict, expected: list[str]) -> None:
    assert found(cronjob(**fields)) == expected


def test_what_an_older_server_took_may_stay() -> None:
    old = cronjob("a" * 53, schedule=ZONED, timeZone="Europe/Pariss")
    new = copy.deepcopy(old)
    del new["spec"]["timeZone"]
    new["spec"]["suspend"] = True
    assert found(new, old) == []
    new["spec"]["timeZone"] = "Asia/Tokyo"
    assert found(new, old) == [
        f'spec.schedule: Invalid value: "{ZONED}": cannot use both timeZone field and TZ or CRON_TZ in schedule'
    ]
    assert found(cronjob(schedule=ZONED), cronjob()) == [f"spec.schedule: Invalid value: {NO_ZONE}"]


def test_warnings() -> None:
    tree = cronjob("a.b", schedule=ZONED)
    name, zone = CRONJOB.warnings(tree, None)
    assert name.startswith("metadata.name: this is used in Pod names and hostnames")
    assert zone.startswith("CRON_TZ or TZ used in spec.schedule is not officially supported")
    assert CRONJOB.warnings(cronjob(), None) == []


def test_the_table_row() -> None:
    tree = cronjob(timeZone="Europe/Berlin")
    tree["status"] = {"active": [{"name": "a"}], "lastScheduleTime": "2026-09-21T14:13:00Z"}
    cells = [column.cell(tree, NOW) for column in CRONJOB.columns]
    assert cells == [
        "tick",
        "*/5 * * * *",
        "Europe/Berlin",
        "False",
        1,
        "20s",
        "60s",
        "main",
        "busybox:1",
        "<none>",
    ]
    names = [column.name for column in CRONJOB.columns if not column.priority]
    assert names == ["Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age"]
    bare = [column.cell(cronjob(), NOW) for column in CRONJOB.columns]
    assert bare[2:6] == ["<none>", "False", 0, "<none>"]
