"""The audit log: one JSON line per stage of each request that the policy is for (`audit.k8s.io/v1`).

Read `policy.py` (what is logged how fully), `event.py` (what a line says), `auditor.py` (when it is written), `logfile.py`
(where to). A server without a policy has no `Auditor`, and spends nothing.
"""
