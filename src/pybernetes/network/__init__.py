"""Pod networking of a node: CNI configuration, routes to other nodes, and what must never leave the node.

Read first: `layout.py` (pure: from Nodes to everything this node's kernel should hold), then `agent.py` (the shell).
Services are not here: they are `proxy/`.
"""
