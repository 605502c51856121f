"""What an API server makes sure of when it starts: system namespaces, RBAC, priority classes, its own Service; and
what it does at intervals: compaction, its own endpoints.
"""
