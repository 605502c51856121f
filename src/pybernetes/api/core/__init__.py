"""The kinds of the API group that upstream calls `core`; one file per kind."""
