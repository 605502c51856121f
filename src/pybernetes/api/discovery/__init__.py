"""The kinds of the API group that upstream calls `discovery`; one file per kind."""
