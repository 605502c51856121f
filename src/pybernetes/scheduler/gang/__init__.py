"""Gangs: pods of a PodGroup (scheduling.k8s.io) that run all together or not at all.

`view.py` knows the groups and their pods, `round.py` decides on a group as a whole, `victims.py` makes room for one,
`condition.py` tells the group; the plugin is `plugins/gang_scheduling.py`.
"""
