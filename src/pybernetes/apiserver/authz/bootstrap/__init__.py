"""The roles and bindings that a cluster starts with: upstream's default policy (v1.37) as data.

`policyrule.py` is the notation, the other modules are the tables; `bootstrap_policy.py` beside this package puts them
together. Only verbs, groups, resources and names: what they allow is decided in `rules.py`.
"""
