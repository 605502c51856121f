"""The pod spec: what pods, and every kind with a pod template, share.

Read `defaults.py` (what is filled in) and `validate.py` (what is refused); the other modules are parts of these two.
Never knows a kind.
"""
