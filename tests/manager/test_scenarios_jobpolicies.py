"""Which failures and successes a Job counts, by upstream's documentation and its KEPs (3329, 3850, 3939, 3998)."""

from __future__ import annotations

import pytest
from jobsteps import (
    CONTROLLERS,
    IGNORED,
    RULE_42,
    asked,
    changed,
    has,
    indexed,
    job,
    made,
    on_exit,
    policy,
    slow,
    stopped,
    swept,
    untracked,
)
from workloads import (
    Step,
    act,
    evicted,
    fails,
    succeeds,
    told,
    wait,
    with_pods,
)

SCENARIOS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    # podFailurePolicy (KEP-3329)
    (
        "an exit code fails the Job at once, whatever the limit",
        (
            made(job(backoffLimit=6, parallelism=2, completions=2, **policy(RULE_42))),
            fails(1),
            has(Failed=None),
            wait(12),
            fails(42),
            has(Failed="PodFailurePolicy", active=0),
            with_pods(0),
            told("PodFailurePolicy"),
        ),
    ),
    (
        "disruptions are ignored",
        (
            made(job(backoffLimit=0, **policy(IGNORED))),
            evicted(),
            has(failed=0, Failed=None),
            wait(12),
            with_pods(1),
            fails(),
            has(failed=1, Failed="BackoffLimitExceeded"),
        ),
    ),
    (
        "the first rule that matches decides",
        (
            made(job(**policy(on_exit("Ignore", "In", 7), on_exit("FailJob", "NotIn", 8)))),
            fails(7),
            wait(12),
            has(failed=0),
            fails(8),
            wait(22),
            has(failed=1, Failed=None),
            fails(9),
            has(Failed="PodFailurePolicy"),
        ),
    ),
    (
        "a rule may be about one container",
        (
            made(job(**policy(on_exit("FailJob", "In", 5, containerName="c")))),
            fails(5, container="sidecar"),
            wait(12),
            has(failed=1, Failed=None),
            fails(5),
            has(Failed="PodFailurePolicy"),
        ),
    ),
    (
        "Count counts although a later rule would fail the Job",
        (made(job(**policy(on_exit("Count", "In", 42), RULE_42))), fails(42), has(failed=1, Failed=None)),
    ),
    # podReplacementPolicy (KEP-3939)
    (
        "by default a pod that is going is replaced after the back-off, while it still goes",
        (
            asked(to_stop=60),
            made(slow()),
            stopped(),
            has(active=0, terminating=1, failed=1),
            wait(10),
            has(active=1, terminating=1),
            with_pods(1),
            wait(60),
            has(active=1, terminating=0, failed=1),
        ),
    ),
    (
        "with Failed it is replaced once it has failed",
        (
            asked(to_stop=60),
            made(slow(podReplacementPolicy="Failed")),
            stopped(),
            has(active=0, terminating=1, failed=0),
            wait(50),
            has(active=0, terminating=1, failed=0),
            with_pods(0),
            wait(22),
            has(active=1, terminating=0, failed=1),
        ),
    ),
    (
        "a failed Job is Failed when its last pod is gone, and decided before",
        (
            asked(to_stop=60),
            made(slow(parallelism=2, completions=2, backoffLimit=0)),
            fails(),
            has(FailureTarget="BackoffLimitExceeded", Failed=None, active=0, terminating=1, failed=2),
            wait(62),
            has(Failed="BackoffLimitExceeded", terminating=0, failed=2),
        ),
    ),
    (
        "so is a successful one",
        (
            asked(to_stop=60),
            made(
                slow(
                    completionMode="Indexed",
                    parallelism=2,
                    completions=2,
                    successPolicy={"rules": [{"succeededCount": 1}]},
                )
            ),
            succeeds(1),
            has(SuccessCriteriaMet="SuccessPolicy", Complete=None, active=0, terminating=1),
            wait(62),
            has(Complete="SuccessPolicy", terminating=0, failed=0, succeeded=1, completedIndexes="1"),
        ),
    ),
    (
        "what suspending stops is terminating, and no failure",
        (
            asked(to_stop=60),
            made(slow(parallelism=2, completions=2, backoffLimit=0)),
            changed(suspend=True),
            has(active=0, terminating=2, failed=0, Suspended="JobSuspended"),
            wait(62),
            has(terminating=0, failed=0, Failed=None),
            changed(suspend=False),
            with_pods(2),
        ),
    ),
    # backoffLimitPerIndex (KEP-3850)
    (
        "an index that fails too often does not keep the others from working",
        (
            made(indexed(3, backoffLimitPerIndex=1)),
            fails(index=0),
            wait(12),
            fails(index=0),
            has(failedIndexes="0", Failed=None, active=2),
            succeeds(1),
            succeeds(2),
            has(completedIndexes="1-2", failedIndexes="0", Failed="FailedIndexes", succeeded=2, failed=2),
        ),
    ),
    (
        "each index backs off by itself",
        (
            made(indexed(2, backoffLimitPerIndex=5)),
            fails(index=0),
            wait(12),
            fails(index=0),
            fails(index=1),
            wait(10),
            with_pods(1),
            wait(12),
            with_pods(2),
            has(failed=3),
        ),
    ),
    (
        "too many failed indexes end everything",
        (
            made(indexed(5, backoffLimitPerIndex=0, maxFailedIndexes=1)),
            fails(index=3),
            has(Failed=None, failedIndexes="3"),
            fails(index=1),
            has(Failed="MaxFailedIndexesExceeded", failedIndexes="1,3", active=0),
            with_pods(0),
        ),
    ),
    (
        "an index does not forget its failures when its failed pod is deleted",
        (
            made(indexed(2, backoffLimitPerIndex=1)),
            fails(index=0),
            has(failed=0),
            swept(),
            wait(12),
            has(failed=1, failedIndexes=""),
            fails(index=0),
            has(failed=2, failedIndexes="0"),
            wait(60),
            with_pods(1),
        ),
    ),
    (
        "maxFailedIndexes 0 ends at the first",
        (
            made(indexed(3, backoffLimitPerIndex=0, maxFailedIndexes=0)),
            fails(index=0),
            has(Failed="MaxFailedIndexesExceeded"),
        ),
    ),
    (
        "FailIndex gives up an index at once",
        (
            made(indexed(2, backoffLimitPerIndex=4, **policy(on_exit("FailIndex", "In", 42)))),
            fails(42, index=1),
            has(failedIndexes="1", Failed=None),
            wait(60),
            with_pods(1),
            succeeds(0),
            has(Failed="FailedIndexes"),
        ),
    ),
    (
        "ignored failures do not count for the index but lengthen its wait",
        (
            made(indexed(1, backoffLimitPerIndex=1, **policy(IGNORED))),
            evicted(0),
            wait(12),
            evicted(0),
            wait(10),
            with_pods(0),
            wait(12),
            with_pods(1),
            has(failed=0, Failed=None),
            fails(index=0),
            wait(42),
            has(failed=1, Failed=None),
            fails(index=0),
            has(Failed="FailedIndexes", failedIndexes="0"),
        ),
    ),
    # successPolicy (KEP-3998)
    (
        "so many successes are enough",
        (
            made(indexed(5, successPolicy={"rules": [{"succeededCount": 2}]})),
            succeeds(4),
            has(Complete=None),
            succeeds(1),
            has(Complete="SuccessPolicy", completedIndexes="1,4", active=0),
            with_pods(0),
            untracked(),
        ),
    ),
    (
        "so many of these",
        (
            made(indexed(5, successPolicy={"rules": [{"succeededIndexes": "0,2-3", "succeededCount": 2}]})),
            succeeds(1),
            succeeds(4),
            succeeds(2),
            has(Complete=None),
            succeeds(0),
            has(Complete="SuccessPolicy"),
        ),
    ),
    (
        "any rule is enough",
        (
            made(
                indexed(4, successPolicy={"rules": [{"succeededIndexes": "0-1"}, {"succeededIndexes": "3"}]})
            ),
            succeeds(0),
            has(Complete=None),
            succeeds(3),
            has(Complete="SuccessPolicy"),
        ),
    ),
    (
        "all indexes done without a rule that matches is the usual end",
        (
            made(indexed(2, successPolicy={"rules": [{"succeededCount": 2}]})),
            succeeds(0),
            succeeds(1),
            has(Complete="SuccessPolicy", succeeded=2),
        ),
    ),
    (
        "failing comes before succeeding",
        (
            made(indexed(3, backoffLimit=0, successPolicy={"rules": [{"succeededCount": 2}]})),
            succeeds(0),
            fails(index=1),
            has(Failed="BackoffLimitExceeded", Complete=None, SuccessCriteriaMet=None),
        ),
    ),
)


@pytest.mark.parametrize("steps", [steps for _, steps in SCENARIOS], ids=[name for name, _ in SCENARIOS])
def test_what_a_job_counts(steps: tuple[Step, ...]) -> None:
    act(steps, CONTROLLERS)
