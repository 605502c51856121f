"""`url('https://example.com/path')`."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, STRING, list_of, map_of, opaque


class Url:
    __slots__ = ("parts", "text")
    CEL_TYPE: ClassVar[str] = "kubernetes.URL"

    def __init__(self, text: str, parts: SplitResult) -> None:
        self.text = text
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def host(self) -> str:
        return self.parts.netloc.rpartition("@")[2]

    @property
    def hostname(self) -> str:
        """Without the brackets of an IPv6 address; case kept."""
        host = self.host
        if host.startswith("["):
            return host[1:].partition("]")[0]
        return host.rpartition(":")[0] if ":" in host else host

    @property
    def port(self) -> str:
        after = self.host.rpartition("]")[2]
        return after.rpartition(":")[2] if ":" in after else ""


def _read(text: str) -> Url:
    """An absolute URI or an absolute path. Raises CelError."""
    wrong = CelError(
        f'URL parse error during conversion from string: parse "{text}": invalid URI for request'
    )
    if not text or any(ord(c) < 0x20 or ord(c) == 0x7F for c in text) or " " in text.partition("?")[0]:
        raise wrong
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if port is None and not text.startswith("/") and not parts.scheme:
        raise wrong
    if parts.scheme and not parts.netloc and not parts.path.startswith("/"):
        raise wrong
    return Url(text, parts)


def _is(text: str) -> bool:
    try:
        _read(text)
    except CelError:
        return False
    return True


def _escaped_path(url: Url) -> str:
    path = url.parts.path
    return path if "%" in path else quote(unquote(path), safe="/:@!$&'()*+,;=~-._")


def _query(url: Url) -> dict[str, list[str]]:
    return parse_qs(url.parts.query, keep_blank_values=True)


URL = opaque("kubernetes.URL", Url)
TYPES = (URL,)
OVERLOADS: tuple[Overload, ...] = (
    function("url", STRING, to=URL, run=_read, heavy=True),
    function("isURL", STRING, to=BOOL, run=_is, heavy=True),
    method("getScheme", URL, to=STRING, run=lambda url: url.parts.scheme),
    method("getHost", URL, to=STRING, run=lambda url: url.host),
    method("getHostname", URL, to=STRING, run=lambda url: url.hostname),
    method("getPort", URL, to=STRING, run=lambda url: url.port),
    method("getEscapedPath", URL, to=STRING, run=_escaped_path),
    method("getQuery", URL, to=map_of(STRING, list_of(STRING)), run=_query),
)
