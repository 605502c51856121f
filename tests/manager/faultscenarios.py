"""What every controller is made to do while things go wrong, and how it ends."""

from __future__ import annotations

from faultscenarios_cluster import CLUSTER
from faultscenarios_storage import STORAGE
from faultscenarios_workloads import WORKLOADS
from faultworld import Scenario

SCENARIOS: tuple[Scenario, ...] = (*WORKLOADS, *CLUSTER, *STORAGE)
