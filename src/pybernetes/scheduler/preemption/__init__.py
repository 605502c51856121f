"""Making room for a pod by removing pods of lower priority: who would have to go on each node (`dryrun.py`), which
disruption budgets that would break (`budgets.py`), which node it is to be (`candidate.py`), and the writes that follow
(`evict.py`). The plugin is `plugins/default_preemption.py`.
"""
