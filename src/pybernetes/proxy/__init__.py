"""kube-proxy: Services and their endpoints become rules of the node's kernel.

Read first: `model.py` (what a node must do for one service port), `compile.py` (objects to model), `nftables.py` (model
to a table of maps), then `proxier.py` (the shell). Nothing here opens a socket or runs a command: the kernel is a
protocol (`kernel.py`) that `host/` implements.
"""
