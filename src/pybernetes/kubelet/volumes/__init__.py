"""A pod's volumes on this node, one file per plugin, listed in `table.py`.

Read first: `plugin.py` (what a plugin is), then `manager.py` (mounting, following changes, tearing down).
"""
