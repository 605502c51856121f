"""persistentvolume-binder-controller: claims get volumes, volumes learn whose they are and what becomes of them.

Read `plan.py` first; `matching.py` says which volume fits a claim.
"""
