"""What each API verb does, one file each; `table.py` says which one answers a request.

A verb takes the `RequestContext` and returns a `Reply`; it never encodes and never looks at HTTP.
"""
