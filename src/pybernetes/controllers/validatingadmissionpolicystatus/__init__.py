"""validatingadmissionpolicy-status-controller: what the expressions of a policy get wrong about the kinds it matches.

Read `plan.py` first; `typecheck.py` is imported only when there is a policy to check.
"""
