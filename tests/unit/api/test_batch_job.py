"""Jobs: defaults, generated selector, rules, what may change, status, the table row."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jobtrees import COMPLETE, FAILED, INDEXED, NOT_NEGATIVE, NOW, found, job, true

from pybernetes.api.batch import jobindexes
from pybernetes.api.batch.job import JOB
from pybernetes.api.fielderrors import FieldErrors


def test_defaults() -> None:
    spec = job()["spec"]
    assert {key: value for key, value in spec.items() if key not in ("template", "selector")} == {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_work_queue_has_no_completions() -> None:
    spec = job(parallelism=3)["spec"]
    assert (spec["parallelism"], "completions" in spec) == (3, False)


def test_defaults_that_follow_from_policies() -> None:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    spec = job(backoffLimitPerIndex=1, completionMode="Indexed", podFailurePolicy={"rules": rules})["spec"]
    assert spec["backoffLimit"] == 2**31 - 1
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["podFailurePolicy"]["rules"][0]["onPodConditions"] == [
        {"type": "DisruptionTarget", "status": "True"}
    ]


def test_the_selector_is_generated() -> None:
    tree = job()
    labels = {
        "controller-uid": "u-1",
        "job-name": "pi",
        "batch.kubernetes.io/controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "pi",
    }
    assert tree["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert tree["spec"]["template"]["metadata"]["labels"] == labels
    assert tree["metadata"]["labels"] == labels
    assert found(tree) == []


def test_a_selector_of_ones_own() -> None:
    tree = job(manualSelector=True, selector={"matchLabels": {"app": "pi"}})
    assert tree["spec"]["selector"] == {"matchLabels": {"app": "pi"}}
    assert found(tree) == [
        "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"
    ]


def test_conflicting_labels_are_refused() -> None:
    tree = job()
    labels = tree["spec"]["template"]["metadata"]["labels"]
    labels["batch.kubernetes.io/controller-uid"] = "other"
    del labels["job-name"]
    first, second, third = found(tree)
    assert first == "spec.template.metadata.labels[job-name]: Required value: must be 'pi'"
    assert second.startswith(
        "spec.template.metadata.labels[batch.kubernetes.io/controller-uid]: Invalid value: {"
    )
    assert second.endswith(": must be 'u-1'")
    assert third.startswith("spec.template.metadata.labels: Invalid value")


def test_scheduling_is_dropped_while_its_feature_is_off() -> None:
    assert "scheduling" not in job(scheduling={"schedulingPolicy": {"basic": {}}})["spec"]


RULES: list[tuple[dict, list[str]]] = [
    ({}, []),
    ({"parallelism": -1}, [f"spec.parallelism: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"completions": -1}, [f"spec.completions: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"activeDeadlineSeconds": -1}, [f"spec.activeDeadlineSeconds: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"backoffLimit": -1}, [f"spec.backoffLimit: Invalid value: -1: {NOT_NEGATIVE}"]),
    ({"ttlSecondsAfterFinished": -1}, [f"spec.ttlSecondsAfterFinished: Invalid value: -1: {NOT_NEGATIVE}"]),
    (
        {"completionMode": "Sorted"},
        ['spec.completionMode: Unsupported value: "Sorted": supported values: "NonIndexed", "Indexed"'],
    ),
    (
        {"completionMode": "Indexed", "parallelism": 1},
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    (
        {**INDEXED, "parallelism": 100_001},
        [
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 "
            "when completion mode is Indexed"
        ],
    ),
    (
        {"maxFailedIndexes": 1},
        [
            "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
            "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ],
    ),
    (
        {"backoffLimitPerIndex": 1},
        ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
    ),
    (
        {**INDEXED, "backoffLimitPerIndex": 1, "maxFailedIndexes": 6},
        ["spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions"],
    ),
    (
        {
            "completionMode": "Indexed",
            "completions": 100_001,
            "parallelism": 10_001,
            "backoffLimitPerIndex": 1,
        },
        [
            "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
            "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are "
            "above 100000 and used with backoff limit per index",
        ],
    ),
    ({"managedBy": "acme.io/queue"}, []),
    (
        {"managedBy": "queue"},
        ['spec.managedBy: Invalid value: "queue": must be a domain-prefixed path (such as "acme.io/foo")'],
    ),
    (
        {"managedBy": "acme.io/" + "q" * 60},
        ["spec.managedBy: Too long: may not be more than 63 bytes"],
    ),
    (
        {"podReplacementPolicy": "Never"},
        [
            'spec.podReplacementPolicy: Unsupported value: "Never": '
            'supported values: "Failed", "TerminatingOrFailed"'
        ],
    ),
    (
        {"successPolicy": {"rules": [{"succeededCount": 1}]}},
        [
            'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: '
            "requires indexed completion mode"
        ],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), RULES)
def test_rules(spec: dict, expected: list[str]) -> None:
    assert found(job(**spec)) == expected


@pytest.mark.parametrize(
    ("policy", "spec", "expected"),
    [
        ("OnFailure", {}, []),
        ("Always", {}, ['Required value: valid values: "OnFailure", "Never"']),
        (
            "OnFailure",
            {
                "podFailurePolicy": {
                    "rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [1]}}]
                }
            },
            ['Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified'],
        ),
    ],
)
def test_restart_policies(policy: str, spec: dict, expected: list[str]) -> None:
    assert found(job({"restartPolicy": policy}, **spec)) == [
        f"spec.template.spec.restartPolicy: {each}" for each in expected
    ]


CODES = {"operator": "In", "values": [1]}
FAILURE_RULES: list[tuple[dict, list[str]]] = [
    ({"action": "FailJob", "onExitCodes": CODES}, []),
    ({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}, []),
    (
        {"onExitCodes": CODES},
        ['.action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'],
    ),
    (
        {"action": "Retry", "onExitCodes": CODES},
        ['.action: Unsupported value: "Retry": supported values: "Count", "FailIndex", "FailJob", "Ignore"'],
    ),
    (
        {"action": "FailIndex", "onExitCodes": CODES},
        ['.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set'],
    ),
    (
        {"action": "Count"},
        [": Invalid value: specifying one of OnExitCodes and OnPodConditions is required"],
    ),
    (
        {"action": "Count", "onExitCodes": CODES, "onPodConditions": [{"type": "A"}]},
        [": Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"],
    ),
    (
        {"action": "Count", "onExitCodes": {"operator": "In", "values": [3, 0, 3], "containerName": "x"}},
        [
            '.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer '
            "names in the pod template",
            ".onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
            ".onExitCodes.values[2]: Duplicate value: 3",
            ".onExitCodes.values: Invalid value: [3,0,3]: must be ordered",
        ],
    ),
    (
        {"action": "Count", "onExitCodes": {"operator": "Out", "values": [], "containerName": "first"}},
        [
            '.onExitCodes.operator: Unsupported value: "Out": supported values: "In", "NotIn"',
            ".onExitCodes.values: Invalid value: []: at least one value is required",
        ],
    ),
    (
        {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": list(range(256))}},
        [".onExitCodes.values: Too many: 256: must have at most 255 items"],
    ),
    (
        {"action": "Count", "onPodConditions": [{"type": "A", "status": "Maybe"}]},
        [
            '.onPodConditions[0].status: Unsupported value: "Maybe": '
            'supported values: "False", "True", "Unknown"'
        ],
    ),
]


@pytest.mark.parametrize(("rule", "expected"), FAILURE_RULES)
def test_pod_failure_policy(rule: dict, expected: list[str]) -> None:
    tree = job(podFailurePolicy={"rules": [copy.deepcopy(rule)]})
    assert found(tree) == [f"spec.podFailurePolicy.rules[0]{each}" for each in expected]


SUCCESS_RULES: list[tuple[dict, list[str]]] = [
    ({"succeededCount": 2}, []),
    ({"succeededIndexes": "0,2-4"}, []),
    ({}, [": Required value: at least one of succeededCount or succeededIndexes must be specified"]),
    (
        {"succeededCount": 6},
        [
            ".succeededCount: Invalid value: 6: must be less than or equal to 5 "
            "(the number of specified completions)"
        ],
    ),
    (
        {"succeededCount": 3, "succeededIndexes": "0-1"},
        [
            ".succeededCount: Invalid value: 3: must be less than or equal to 2 "
            "(the number of indexes in the specified succeededIndexes field)"
        ],
    ),
    (
        {"succeededIndexes": "5"},
        ['.succeededIndexes: Invalid value: "5": error parsing succeededIndexes: too large index: "5"'],
    ),
]


@pytest.mark.parametrize(("rule", "expected"), SUCCESS_RULES)
def test_success_policy(rule: dict, expected: list[str]) -> None:
    tree = job(**INDEXED, successPolicy={"rules": [rule]})
    assert found(tree) == [f"spec.successPolicy.rules[0]{each}" for each in expected]


def test_a_success_policy_has_rules() -> None:
    assert found(job(**INDEXED, successPolicy={"rules": []})) == [
        "spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy "
        "is specified"
    ]


def test_indexed_pods_need_host_names() -> None:
    tree = job(completionMode="Indexed", completions=100)
    tree["metadata"]["name"] = name = "a" * 61
    for labels in (tree["spec"]["template"]["metadata"]["labels"],):
        labels.update({"job-name": name, "batch.kubernetes.io/job-name": name})
    assert found(tree) == [
        f'metadata.name: Invalid value: "{name}": will not able to create pod with invalid DNS label: {name}-99'
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0-1-2", "the fragment \"0-1-2\" violates the requirement that an index interval can have at most two "
                  "parts separated by '-'"),
        ("x", 'cannot convert string to integer for index: "x"'),
        ("0-9", 'too large index: "9"'),
        ("3-1", "non-increasing order, previous: 3, current: 1"),
        ("2,1", "non-increasing order, previous: 2, current: 1"),
    ],
)  # fmt: skip
def test_unreadable_indexes(text: str, message: str) -> None:
    with pytest.raises(jobindexes.IndexesError) as caught:
        jobindexes.intervals(text, 5)
    assert str(caught.value) == message


def test_indexes() -> None:
    assert jobindexes.count("", 9) == 0
    assert jobindexes.count("0,2-4,8", 9) == 5
    assert jobindexes.overlap("0-3,7", "5-8", 9) == 7
    assert jobindexes.overlap("0-3", "4-8", 9) is None


# What may change


def changed(tree: dict, old: dict) -> list[str]:
    errors = FieldErrors()
    JOB.validate_update(tree, old, errors)
    return [each.split(":")[0] for each in errors if "immutable" in each or "in tandem" in each]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("completions", 2),
        ("selector", {}),
        ("completionMode", "Indexed"),
        ("podFailurePolicy", {"rules": []}),
        ("backoffLimitPerIndex", 1),
        ("managedBy", "a.io/b"),
        ("successPolicy", {"rules": []}),
    ],
)
def test_fixed_fields(field: str, value: Any) -> None:
    old = job()
    new = copy.deepcopy(old)
    new["spec"][field] = value
    assert changed(new, old) == [f"spec.{field}"]


def test_what_may_change() -> None:
    old = job()
    new = copy.deepcopy(old)
    new["spec"] |= {"parallelism": 4, "suspend": True, "backoffLimit": 1, "activeDeadlineSeconds": 5}
    assert changed(new, old) == []


def test_an_indexed_job_is_scaled_as_a_whole() -> None:
    old = job(**INDEXED)
    new = copy.deepcopy(old)
    new["spec"] |= {"completions": 7, "parallelism": 7}
    assert changed(new, old) == []
    new["spec"]["parallelism"] = 3
    assert changed(new, old) == ["spec.completions"]


def directives(tree: dict) -> dict:
    """The Job with what a queue sets before it lets a Job start."""
    new = copy.deepcopy(tree)
    template = new["spec"]["template"]
    template["metadata"]["labels"]["queue"] = "a"
    template["metadata"]["annotations"] = {"queue": "a"}
    terms = {"nodeSelectorTerms": [{"matchFields": []}]}
    template["spec"] |= {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"operator": "Exists"}],
        "schedulingGates": [{"name": "a.io/b"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
    }
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    return new


STARTED = {"startTime": "2026-09-21T14:12:20Z"}
SUSPENDED = [{"type": "Suspended", "status": "True"}]


@pytest.mark.parametrize(
    ("suspend", "status", "free"),
    [
        (False, {}, False),
        (True, {}, True),
        (True, STARTED, False),
        (True, {**STARTED, "conditions": SUSPENDED}, True),
        (True, {**STARTED, "conditions": SUSPENDED, "active": 1}, False),
    ],
)
def test_scheduling_directives_of_a_job_at_rest(suspend: bool, status: dict, free: bool) -> None:
    old = {**job(suspend=suspend), "status": status}
    assert changed(directives(old), old) == ([] if free else ["spec.template"])


def test_the_rest_of_the_template_stays_at_rest_too() -> None:
    old = job(suspend=True)
    new = copy.deepcopy(old)
    new["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:2"
    assert changed(new, old) == ["spec.template"]


def test_warnings() -> None:
    tree = job(completionMode="Indexed", completions=100_001, parallelism=10_001)
    tree["metadata"]["name"] = "a.b"
    first, second = JOB.warnings(tree, None)
    assert first.startswith("metadata.name: this is used in Pod names and hostnames, which can result in")
    assert second.startswith("spec: In Indexed Jobs with a number of completions higher than 10^5")
    assert len(JOB.warnings(tree, tree)) == 1


def row(tree: dict) -> dict:
    return {column.name: column.cell(tree, NOW) for column in JOB.columns}


def test_the_table_row() -> None:
    tree = {**job(), "status": {"startTime": "2026-09-21T14:12:30Z", "succeeded": 0}}
    assert row(tree) == {
        "Name": "pi",
        "Status": "Running",
        "Completions": "0/1",
        "Duration": "50s",
        "Age": "60s",
        "Containers": "main",
        "Images": "busybox:1",
        "Selector": "batch.kubernetes.io/controller-uid=u-1",
    }
    assert JOB.selectable["status.successful"](tree) == "0"


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, COMPLETE, ("Complete", "0/1", "60m")),
        ({}, FAILED, ("Failed", "0/1", "13m")),
        ({"suspend": True}, {"conditions": SUSPENDED}, ("Suspended", "0/1", "")),
        ({"parallelism": 3}, {"succeeded": 1}, ("Running", "1/1 of 3", "")),
        ({"parallelism": 1}, {"succeeded": 1, "conditions": true("SuccessCriteriaMet")},
         ("SuccessCriteriaMet", "1/1", "")),
    ],
)  # fmt: skip
def test_cells(spec: dict, status: dict, expected: tuple[str, str, str]) -> None:
    cells = row({**job(**spec), "status": status})
    assert (cells["Status"], cells["Completions"], cells["Duration"]) == expected
