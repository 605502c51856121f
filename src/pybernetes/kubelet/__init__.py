"""The node agent: it makes the containers of the pods bound to its node be what their specs say, and reports.

Read first: `podworker/plan.py` (what a pod needs now, a pure function), then `podworker/worker.py` (who performs it)
and `kubelet.py` (the parts wired together). `runtime.py` and `host.py` are all it knows of the machine. It never
restarts a container because it was restarted itself: everything is read back from the runtime's labels.
"""
