"""The controllers of kube-controller-manager, under upstream's names.

Read first: `table.py` lists them. Each is `observe` (caches to a value) and `plan` (that value, the time and the settings
to writes); the shell is `pybernetes.control`. A controller never reads anything but what it was given to see.
"""
