"""The kinds of the API group that upstream calls `scheduling`; one file per kind."""
