"""Gangs: pods of a PodGroup (scheduling.k8s.io) that run all together or not at all.

`view.py` knows the groups and their pods; the plugin is `plugins/gang_scheduling.py`.
"""
