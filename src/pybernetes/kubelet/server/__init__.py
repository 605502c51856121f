"""The kubelet's own HTTPS server: logs, exec, attach, port-forward, pods, stats and health.

Read first: `backend.py` (what it needs of the kubelet and the runtime), then `handler.py` (the routes).
`cri_streams.py` speaks to the streaming endpoint of a CRI runtime. Never starts, stops or changes a container.
"""
