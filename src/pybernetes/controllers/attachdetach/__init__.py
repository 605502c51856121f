"""persistentvolume-attach-detach-controller: a VolumeAttachment for each CSI volume on each node where a pod needs it.

Read `plan.py` first; `attachable.py` says which volumes must be attached and how they are named.
"""
