"""The kinds of the API group that upstream calls `policy`; one file per kind."""
