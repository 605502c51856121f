"""The kinds of the API group that upstream calls `node`; one file per kind."""
