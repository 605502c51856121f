"""The messages of etcd's v3 API that we use, with etcd's names and field numbers.

`kv.proto` and `rpc.proto` are the source; the `_pb2` modules are made from them by `make_pb2.sh`. Never edit those.
"""
