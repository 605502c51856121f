"""The OpenAPI documents, built from the table of kinds and the table of definitions.

Read `documents.py` first; `schemas.py` turns definitions into schemas, `paths.py` kinds into operations,
`document_v2_protobuf.py` and `document_v3_protobuf.py` the documents into the bytes that Go clients ask for.
"""

from .document_v2_protobuf import encode_document_v2
from .document_v3_protobuf import encode_document_v3
from .documents import document_v2, document_v3

__all__ = ["document_v2", "document_v3", "encode_document_v2", "encode_document_v3"]
