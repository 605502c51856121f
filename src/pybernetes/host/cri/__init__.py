"""CRI over gRPC: `kubelet.runtime`'s protocols for containerd (or any runtime with a CRI socket).

`runtime.py` and `images.py` are the two services, `convert.py` translates values, `events.py` is containerd's own notice
of ended containers. Importing this package imports grpc.
"""

import os

# gRPC's own care for forks would hold up every command that this process starts, and says so each time.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
