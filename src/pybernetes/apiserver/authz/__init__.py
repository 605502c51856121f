"""What a user may do: RBAC, the Node authorizer, and what the cluster starts with.

Read `chain.py` first (the order of the authorizers), then `rbac.py`. Everything here is pure and synchronous: a
decision is a function of the request's attributes and of objects in memory.
"""
