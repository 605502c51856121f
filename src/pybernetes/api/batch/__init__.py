"""The kinds of the API group that upstream calls `batch`; one file per kind."""
