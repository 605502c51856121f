"""The error tree of the API, and its one translation to `Status`.

Three things are different and stay different: an `ApiError` is an answer (the client did or asked something that has
a code), a `Retry`able one says so by its class, and everything else is a bug that surfaces as a 500 and a traceback.
Codes, reasons and message shapes follow upstream's `apimachinery/pkg/api/errors` as documented in the API conventions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from .meta import Obj


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `Status.details.causes`."""

    reason: str
    message: str
    field: str = ""

    def as_tree(self) -> Obj:
        tree = {"reason": self.reason, "message": self.message}
        return {**tree, "field": self.field} if self.field else tree


class ApiError(Exception):
    """An error with an HTTP code and a `Status` body. Raise a subclass; catch this at an edge."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        group: str = "",
        kind: str = "",
        name: str = "",
        uid: str = "",
        causes: Sequence[Cause] = (),
        retry_after: int | None = None,
        generic: bool = False,
        continue_token: str = "",
    ) -> None:
        """`kind` is what upstream puts in `details.kind`: the plural resource, or the kind for Invalid.

        `generic` is an answer that knows nothing of an object: upstream sends its details empty, not left out.
        `continue_token` is how a list whose token has expired may go on.
        """
        super().__init__(message)
        self.message = message
        self.group = group
        self.kind = kind
        self.name = name
        self.uid = uid
        self.causes = tuple(causes)
        self.retry_after = retry_after
        self.generic = generic
        self.continue_token = continue_token

    def status(self) -> dict[str, Any]:
        """The `Status` object to send; `details` is left out where nothing is known."""
        known = {"name": self.name, "group": self.group, "kind": self.kind, "uid": self.uid}
        details: dict[str, Any] = {key: value for key, value in known.items() if value}
        if self.causes:
            details["causes"] = [cause.as_tree() for cause in self.causes]
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        tree: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            tree["reason"] = self.reason
        if details or self.generic:
            tree["details"] = details
        tree["code"] = self.code
        return tree


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Undecodable(BadRequest):
    """A body that is no object of its kind. `why` is the decoder's own message, without the sentence around it."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


class Unauthorized(ApiError):
    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    code, reason = 409, "Conflict"


class Expired(ApiError):
    """The revision asked for is compacted: list again (`410 Gone`)."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(ApiError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    code, reason = 500, "InternalError"


class Unclassified(ApiError):
    """An error to which upstream gives no reason: 500 with a bare message."""

    code, reason = 500, ""


class ServiceUnavailable(ApiError):
    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    """The server could not finish in time; the client may retry after `retry_after` seconds."""

    code, reason = 504, "Timeout"


ERRORS: tuple[type[ApiError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    AlreadyExists,
    Conflict,
    Expired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    InternalError,
    Unclassified,
    ServiceUnavailable,
    Timeout,
)


def error_from_status(status: Obj) -> ApiError:
    """The error that a received `Status` stands for: by reason first, by code where the reason is unknown. Its code and
    reason are those received, also where they are not those of its class."""
    reason = status.get("reason") or ""
    by_reason = next((cls for cls in ERRORS if reason and cls.reason == reason), None)
    code = status.get("code") or (by_reason.code if by_reason else 500)
    cls = _with_words(by_reason or next((cls for cls in ERRORS if cls.code == code), ApiError), code, reason)
    details = status.get("details") or {}
    return cls(
        status.get("message") or f"the server answered {code}",
        group=details.get("group", ""),
        kind=details.get("kind", ""),
        name=details.get("name", ""),
        uid=details.get("uid", ""),
        causes=[
            Cause(c.get("reason", ""), c.get("message", ""), c.get("field", ""))
            for c in details.get("causes") or ()
        ],
        retry_after=details.get("retryAfterSeconds"),
        continue_token=(status.get("metadata") or {}).get("continue", ""),
    )


def _with_words(cls: type[ApiError], code: int, reason: str) -> type[ApiError]:
    """The class of error with exactly this code and reason: `cls`, or one below it."""
    if (cls.code, cls.reason) == (code, reason):
        return cls
    return type(cls.__name__, (cls,), {"code": code, "reason": reason})
