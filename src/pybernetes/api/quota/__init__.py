"""What a ResourceQuota counts, for those who admit and for those who recount: `usage.py` says how much one object takes,
`scopes.py` which quotas an object falls under, `amounts.py` computes. Pure.
"""
