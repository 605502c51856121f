"""What is said about an answer of a webhook that is an error: as the client library of upstream's API server words it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

from pybernetes.wire.http.messages import Reply

_SAID: Mapping[int, str] = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}
_REPEATED = (403, 406, 415)
"""Where the answer itself is repeated."""


def told(reply: Reply) -> str:
    """The message of a Status where the answer has one; else what its code says."""
    if message := _of_status(reply.body):
        return message
    if reply.status in _SAID:
        return _SAID[reply.status]
    text = reply.body.decode("utf-8", "replace").strip() if _is_text(reply) else "unknown"
    if reply.status in _REPEATED:
        return text
    if reply.status >= 500:
        shown = json.dumps(text, ensure_ascii=False)
        return f"an error on the server ({shown}) has prevented the request from succeeding"
    return f"the server responded with the status code {reply.status} but did not return more information"


def _of_status(body: bytes) -> str:
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(tree, dict) or (tree.get("apiVersion"), tree.get("kind")) != ("v1", "Status"):
        return ""
    return str(tree.get("message") or "") if tree.get("status") != "Success" else ""


def _is_text(reply: Reply) -> bool:
    type_ = reply.headers.get("content-type") or ""
    return not type_ or type_.startswith("text/")
