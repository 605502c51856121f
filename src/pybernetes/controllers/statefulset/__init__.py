"""statefulset-controller: pods with names, storage and an order of their own. Read `plan.py` first, then `replicas.py`."""
