"""Keys and bytes with etcd's semantics; knows no kinds."""
