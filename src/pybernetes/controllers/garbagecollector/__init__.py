"""garbage-collector-controller: what is owned goes with its owners. Read `plan.py` first; `graph.py` is what it knows."""
