"""What kube-scheduler serves beside its work: health, metrics, its configuration, and its decisions.

`/decisions/NAMESPACE/NAME` explains the latest decision about a pod, node by node; `/decisions` lists those that are kept.
Who may read them is asked of the API server (`control/pages.py`). A scheduler that waits to lead is alive, and ready to
take over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from pybernetes.client.interface import Client
from pybernetes.control.pages import ComponentPages
from pybernetes.wire.http.messages import Request, Response

from .explain import explained
from .scheduler import Scheduler

JSON = (("Content-Type", "application/json"),)


def scheduler_pages(
    scheduler: Callable[[], Scheduler | None],
    client: Client,
    configuration: Callable[[], Mapping[str, Any]],
    user_of: Callable[[bytes], Mapping[str, Any] | None] = lambda _certificate: None,
) -> ComponentPages:
    """The handler of an HTTP server. `scheduler` is None while another instance leads; the rest is `ComponentPages`'."""

    def metrics() -> str:
        return metrics_of(scheduler())

    def synced() -> str:
        found = scheduler()
        return "informers have not synced" if found is not None and not found.synced else ""

    return ComponentPages(
        client,
        metrics,
        configuration,
        {},
        ready={"informer-sync": synced},
        more=lambda request: _decisions(scheduler(), request),
        user_of=user_of,
    )


def metrics_of(scheduler: Scheduler | None) -> str:
    """The text format of Prometheus."""
    leads = [
        "# HELP leader_election_master_status Gauge of if the reporting system is master of the relevant lease, 0 "
        "indicates backup, 1 indicates master. 'name' is the string used to identify the lease.",
        "# TYPE leader_election_master_status gauge",
        f'leader_election_master_status{{name="kube-scheduler"}} {int(scheduler is not None)}',
        "",
    ]
    text = "\n".join(leads)
    if scheduler is None or scheduler.cycle is None:
        return text
    return text + scheduler.metrics.text(scheduler.cycle)


def _decisions(scheduler: Scheduler | None, request: Request) -> Response | None:
    parts = request.path.split("/")[1:]
    if parts[0] != "decisions":
        return None
    cycle = scheduler.cycle if scheduler is not None else None
    kept = cycle.decisions if cycle is not None else None
    if len(parts) == 1:
        return _json([_summary(each) for each in (kept.all() if kept is not None else ())])
    if len(parts) == 3:
        found = kept.find(parts[1], parts[2]) if kept is not None else None
        if found is None:
            return Response.text(404, f"no decision is kept about pod {parts[1]}/{parts[2]}\n")
        return _json(explained(found))
    return None


def _summary(kept: Any) -> dict[str, Any]:
    whole = explained(kept)
    return {key: whole[key] for key in ("pod", "time", "node", "feasible", "message")}


def _json(value: Any) -> Response:
    return Response(200, JSON, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
