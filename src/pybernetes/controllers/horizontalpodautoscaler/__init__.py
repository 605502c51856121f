"""horizontal-pod-autoscaler-controller: the number of pods follows what they use. Read `plan.py` first; the arithmetic is
in `calculator.py`, its limits in time in `behavior.py`, the metrics APIs in `metrics.py`."""
