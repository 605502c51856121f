"""Who asks: client certificates, service account tokens, static and bootstrap tokens, anonymous.

Read `chain.py` first: it is the order in which they are asked. One file per authenticator. Nothing here decides what
a user may do (`authz/`), and nothing here does I/O: objects come through a getter over the watch cache.
"""
