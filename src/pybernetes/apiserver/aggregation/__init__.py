"""API servers beside this one: an APIService with a Service means that its group and version are served there.

Read `aggregator.py` first (who is asked what), then `forwarding.py` (how a request goes on under its user's name),
`availability.py` (whether the other server is well) and `merging.py` (discovery and OpenAPI of all in one document).
Stores nothing and decides nothing about who may do what: the pipeline has done so before a request gets here.
"""
