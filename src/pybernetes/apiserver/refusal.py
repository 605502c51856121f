"""The `Status` for requests that never reach the pipeline: what the HTTP layer refuses by itself."""

from __future__ import annotations

import orjson

from pybernetes.api.errors import (
    ApiError,
    BadRequest,
    InternalError,
    MethodNotAllowed,
    RequestEntityTooLarge,
)
from pybernetes.wire.http.messages import Response


def refuse(status: int, message: str) -> Response:
    """The answer to a body over the limit (413), to what is no request (400 and others), to a method that nobody knows (405), to a bug (500)."""
    error: ApiError
    match status:
        case 413:
            error = RequestEntityTooLarge("Request entity too large: limit is 3145728")
        case 405:
            error = MethodNotAllowed(message, generic=True)
        case 500:
            error = InternalError(f"Internal error occurred: {message}")
        case _:
            error = BadRequest(message)
    tree = {**error.status(), "code": status}
    return Response(status, (("Content-Type", "application/json"),), orjson.dumps(tree))
