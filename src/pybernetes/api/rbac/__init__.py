"""The kinds of the API group that upstream calls `rbac`; one file per kind."""
