"""Numbers that only one object may have: cluster addresses and node ports of Services.

What is taken is known from the cache, plus what requests in flight have reserved; nothing of it is stored.
"""
