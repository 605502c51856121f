"""Kinds that are defined while the server runs, by CustomResourceDefinitions.

`controller.py` follows the definitions and serves what they define; `naming.py` says which names they get; `kinds.py`
makes a `Kind` of each served version. What happens to an instance on its way in: `instances.py` (the order of the
steps; the steps themselves are in `api/apiextensions`).
"""
