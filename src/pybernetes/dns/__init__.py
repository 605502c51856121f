"""The cluster's DNS server: the Kubernetes DNS specification, answered from the caches.

Read first: `zone.py` (which records exist, a pure function of Services and EndpointSlices), then `server.py` (sockets)
and `forward.py` (every other name). `message.py` knows the wire format and nothing of Kubernetes.
"""
