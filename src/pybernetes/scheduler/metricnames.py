"""The names of the scheduler's metrics, upstream's, with what they are and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

HELP: Mapping[str, tuple[Kind, str, tuple[str, ...]]] = {
    "scheduler_schedule_attempts_total": (
        "counter",
        "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while "
        "'error' means an internal scheduler problem.",
        ("profile", "result"),
    ),
    "scheduler_scheduling_attempt_duration_seconds": (
        "histogram",
        "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
        ("profile", "result"),
    ),
    "scheduler_scheduling_algorithm_duration_seconds": (
        "histogram",
        "Scheduling algorithm latency in seconds",
        (),
    ),
    "scheduler_event_handling_duration_seconds": (
        "histogram",
        "Event handling latency in seconds.",
        ("event",),
    ),
    "scheduler_framework_extension_point_duration_seconds": (
        "histogram",
        "Latency for running all plugins of a specific extension point.",
        ("extension_point", "status", "profile"),
    ),
    "scheduler_plugin_execution_duration_seconds": (
        "histogram",
        "Duration for running a plugin at a specific extension point.",
        ("plugin", "extension_point", "status"),
    ),
    "scheduler_plugin_evaluation_total": (
        "counter",
        "Number of attempts to schedule pods by each plugin and the extension point (available only in PreFilter, "
        "Filter, PreScore, and Score).",
        ("plugin", "extension_point", "profile"),
    ),
    "scheduler_pod_scheduling_attempts": (
        "histogram",
        "Number of attempts to successfully schedule a pod.",
        (),
    ),
    "scheduler_pod_scheduling_sli_duration_seconds": (
        "histogram",
        "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve "
        "multiple scheduling attempts.",
        ("attempts",),
    ),
    "scheduler_pod_scheduled_after_flush_total": (
        "counter",
        "Number of pods that were successfully scheduled after being flushed from unschedulableEntities due to timeout. "
        "This metric helps detect potential queueing hint misconfigurations or event handling issues.",
        (),
    ),
    "scheduler_permit_wait_duration_seconds": ("histogram", "Duration of waiting on permit.", ("result",)),
    "scheduler_preemption_victims": (
        "histogram",
        "Number of selected preemption victims for preemption initiated by a single pod",
        (),
    ),
    "scheduler_preemption_attempts_total": (
        "counter",
        "Total preemption attempts in the cluster till now",
        (),
    ),
    "scheduler_pending_pods": (
        "gauge",
        "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of "
        "pods in backoffQ; 'unschedulable' means number of pods in unschedulableEntities that the scheduler attempted to "
        "schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to "
        "schedule because they are gated.",
        ("queue",),
    ),
    "scheduler_queued_entities": (
        "gauge",
        "Number of queued scheduling entities ('pod' or 'podgroup'; 'pod' stands for individual pods that are not "
        "members of any podgroup) by the queue type.",
        ("queue", "type"),
    ),
    "scheduler_unschedulable_pods": (
        "gauge",
        "The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins "
        "that caused it to not schedule and so this metric have meaning only when broken down by plugin.",
        ("plugin", "profile"),
    ),
    "scheduler_queue_incoming_pods_total": (
        "counter",
        "Number of pods added to scheduling queues by event and queue type.",
        ("event", "queue"),
    ),
    "scheduler_inflight_events": (
        "gauge",
        "Number of events currently tracked in the scheduling queue.",
        ("event",),
    ),
    "scheduler_cache_size": (
        "gauge",
        "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.",
        ("type",),
    ),
    "scheduler_goroutines": (
        "gauge",
        "Number of running goroutines split by the work they do such as binding.",
        ("operation",),
    ),
    "scheduler_batch_attempts_total": (
        "counter",
        "Counts of results when we attempt to use batching.",
        ("profile", "result"),
    ),
    "scheduler_podgroup_schedule_attempts_total": (
        "counter",
        "Number of attempts to schedule pod group, by the result. 'unschedulable' means a pod group could not be "
        "scheduled, while 'error' means an internal scheduler problem.",
        ("profile", "result"),
    ),
    "scheduler_podgroup_scheduling_attempt_duration_seconds": (
        "histogram",
        "Pod group scheduling attempt latency in seconds",
        ("profile", "result"),
    ),
    "scheduler_podgroup_scheduling_algorithm_duration_seconds": (
        "histogram",
        "Pod group scheduling algorithm latency in seconds",
        (),
    ),
    "scheduler_workload_preemption_attempts_total": (
        "counter",
        "Total preemption attempts initiated by workload (including pod groups) in the cluster till now.",
        ("result",),
    ),
    "scheduler_workload_preemption_victims": (
        "histogram",
        "Number of pod preemption victims caused by workload preemption.",
        (),
    ),
}
"""(type, help, labels) of each."""
