"""Devices for pods (dynamic resource allocation, structured parameters of resource.k8s.io/v1).

Read `search.py` first: it finds devices for claims on one node. `pools.py` makes devices of ResourceSlices, `asked.py`
requests of ResourceClaims, `inuse.py` knows what is taken, `result.py` writes an allocation. `view.py` holds the objects,
`verdicts.py` asks for all nodes. Knows nothing of the node table's other facts. The plugin is
`plugins/dynamic_resources.py`.
"""
