"""The kinds of the API group that upstream calls `autoscaling`; one file per kind."""
