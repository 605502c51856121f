"""apiextensions.k8s.io: kinds that are defined at run time. Read `customresourcedefinition.py` first."""
