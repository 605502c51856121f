"""The kinds of the API group that upstream calls `authentication`; one file per kind."""
