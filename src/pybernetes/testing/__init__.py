"""What tests of other projects use: `plugin.py`, the pytest plugin that installing pybernetes registers.

It imports nothing of pybernetes until a test asks for a cluster.
"""
