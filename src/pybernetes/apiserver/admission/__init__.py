"""Admission: what is decided about an object between authorization and storing it. One plugin a file; `chain.py` has
their order. A plugin reads the caches and computes; it never writes and never waits.
"""
