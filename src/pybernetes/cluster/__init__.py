"""The composition root: how the components are put together for each size of cluster.

Read first: `allinone.py` (`pyber up`), then `library.py` (`Cluster`, in a test). Components appear here and only here
side by side; no behaviour of Kubernetes lives in this package.
"""
