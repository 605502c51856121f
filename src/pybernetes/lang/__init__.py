"""Small pure languages: quantities, selectors, patches, names, times. Knows only the standard library (and libyaml).

Read `quantity.py` first, then `patch_strategic.py` with `patch_schema.py`. Nothing here reads a clock, waits, or
changes what it is given: every function goes from values to a new value, or raises a `ValueError` of its module.
"""
