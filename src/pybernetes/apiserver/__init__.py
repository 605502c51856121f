"""The API server: one pipeline of requests over one watch cache over one store.

Read `pipeline.py` first (what happens to a request, in order), then `verbs/` and `cacher.py`. `server.py` wires them.
Never here: the logic of controllers, anything that runs on a node, sockets (`wire/` has those).
"""
