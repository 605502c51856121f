"""HTTP/2 for the server: many requests at a time on one connection, to the same handler as HTTP/1.1's.

Read `connection.py` first (one connection: frames, limits, its end), then `stream.py` (one request and its answer).
ALPN chooses between this and `wire/http` (see `wire/http/server.py`); nothing is upgraded here: a client that wants
another protocol on its connection asks for HTTP/1.1, as kubectl does.
"""
