"""replicaset-controller: as many pods as a ReplicaSet wants. Read `plan.py` first."""
