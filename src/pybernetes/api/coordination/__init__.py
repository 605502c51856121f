"""The kinds of the API group that upstream calls `coordination`; one file per kind."""
