"""job-controller: pods that run to completion, each counted exactly once. Read `plan.py` first."""
