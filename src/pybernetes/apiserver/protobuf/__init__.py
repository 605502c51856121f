"""Kubernetes' protobuf (`application/vnd.kubernetes.protobuf`), which Go clients prefer: bodies to trees and back.

Read `envelope.py` first; `encoder.py` and `decoder.py` turn one message into a tree and back by two tables: the types
(`api/schema`) and the field numbers (`fields.py`). Nothing here knows of requests.
"""

from pybernetes.lang.protobufwire import ProtobufError

from .encoder import encode_message
from .envelope import MEDIA_TYPE, decode, encode
from .types import speaking

__all__ = ["MEDIA_TYPE", "ProtobufError", "decode", "encode", "encode_message", "speaking"]
