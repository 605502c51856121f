"""The kinds of the API group that upstream calls `apps`; one file per kind."""
