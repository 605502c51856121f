"""Kubernetes, whole, in Python.

Read first: `docs/architecture.md`, then `cluster/` (how the parts are put together) and `apiserver/pipeline.py`
(the way of a request). Importing this package starts nothing and imports no component.
"""

__version__ = "0.1.0"
