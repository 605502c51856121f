"""Bytes on wires: HTTP/1.1 (server and client), TLS, WebSocket, SPDY/3.1 and the streams that exec and logs ride on.

Read first: `http/messages.py` (what a handler gets and gives), then `http/server.py` and `stream.py`.
Protocols are sans-IO machines (bytes in, events out) with a thin asyncio shell beside each.
Knows nothing of Kubernetes objects, errors or kinds.
"""
