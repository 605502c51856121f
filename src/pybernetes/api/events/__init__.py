"""The kinds of the API group that upstream calls `events`; one file per kind."""
