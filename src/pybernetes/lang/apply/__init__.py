"""Server-side apply: who owns which field of an object, and what an applied configuration changes.

Read `fieldset.py` first (sets of field paths, in the shape of `fieldsV1`), then `typed.py` (an object's leaves by its
schema), `managers.py` (the entries of `metadata.managedFields`) and `merge.py` (one apply). All of it is pure; rules and
wording follow upstream's server-side apply (`structured-merge-diff`, `apimachinery/pkg/util/managedfields`).
"""
