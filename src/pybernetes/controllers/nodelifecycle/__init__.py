"""node-lifecycle-controller: a node that has fallen silent is marked, and taints follow its conditions. Read `plan.py`."""
