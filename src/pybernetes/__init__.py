"""Kubernetes, whole, in Python.

Read first: `docs/architecture.md`, then `cluster/` (how the parts are put together) and `apiserver/pipeline.py`
(the way of a request). Importing this package starts nothing and imports no component; `Cluster` is loaded when it is
first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybernetes.cluster.library import Cluster as Cluster
    from pybernetes.cluster.library import ClusterError as ClusterError
    from pybernetes.cluster.library import Deadlock as Deadlock
    from pybernetes.cluster.library import NodeSpec as NodeSpec
    from pybernetes.cluster.library import Placement as Placement
    from pybernetes.cluster.library import Rule as Rule
    from pybernetes.cluster.library import Run as Run
    from pybernetes.cluster.library import WaitTimeout as WaitTimeout
    from pybernetes.cluster.library import what_if as what_if

__version__ = "0.1.0"
__all__ = [
    "Cluster",
    "ClusterError",
    "Deadlock",
    "NodeSpec",
    "Placement",
    "Rule",
    "Run",
    "WaitTimeout",
    "__version__",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from pybernetes.cluster import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
