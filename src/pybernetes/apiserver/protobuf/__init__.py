"""Request bodies in Kubernetes' protobuf (`application/vnd.kubernetes.protobuf`), which Go clients prefer, as trees.

Read `envelope.py` first. Answers are always JSON: every client that sends protobuf also accepts it.
"""

from .envelope import MEDIA_TYPE, decode
from .wireformat import ProtobufError

__all__ = ["MEDIA_TYPE", "ProtobufError", "decode"]
