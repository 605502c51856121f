"""daemonset-controller: a pod on every node that fits. Read `plan.py` first, then `nodes.py` for which nodes fit."""
