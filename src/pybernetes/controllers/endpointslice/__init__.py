"""endpointslice-controller: which pods stand behind a Service. Read `plan.py` first."""
