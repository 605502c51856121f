"""The kinds of the API group that upstream calls `authorization`; one file per kind."""
