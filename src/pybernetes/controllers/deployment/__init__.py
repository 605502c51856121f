"""deployment-controller: rolling a template out through ReplicaSets.

Read `plan.py` first: the whole decision. `rollout.py` is what it goes by, `rolling.py` and `scaling.py` the arithmetic,
`newreplicaset.py` the making of a ReplicaSet, `status.py` the report.
"""
