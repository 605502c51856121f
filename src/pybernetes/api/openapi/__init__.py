"""The OpenAPI documents, built from the table of kinds and the table of definitions.

Read `documents.py` first; `schemas.py` turns definitions into schemas, `paths.py` kinds into operations.
"""

from .documents import document_v2, document_v3

__all__ = ["document_v2", "document_v3"]
