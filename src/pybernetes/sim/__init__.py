"""A simulated world to run in: virtual time, a container runtime and a machine that exist only in memory.

Read first: `loop.py` (time that jumps), then `hollow_runtime.py` and `hollow_host.py` (a node without a machine). The
kubelet on top is the real one. Nothing here touches the network, files or processes.
"""
