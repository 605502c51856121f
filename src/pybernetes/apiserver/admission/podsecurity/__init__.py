"""The Pod Security Standards: `levels.py` says what a namespace asks for, `checks.py` is the table of what pods may not
do, and `plugin.py` is the admission plugin that holds one against the other.
"""
