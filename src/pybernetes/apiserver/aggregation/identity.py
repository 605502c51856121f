"""The headers of a front proxy: under whose name a request goes on. Pure, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from pybernetes.wire.http.messages import Headers

from ..user import User

_PLAIN = frozenset("!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What may stand in a header's name, but for the percent sign that escapes the rest."""


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """How a front proxy names the user; upstream's `--requestheader-…` flags."""

    user: Sequence[str] = ("X-Remote-User",)
    uid: Sequence[str] = ("X-Remote-Uid",)
    group: Sequence[str] = ("X-Remote-Group",)
    extra_prefix: Sequence[str] = ("X-Remote-Extra-",)


def headers_of(user: User) -> list[tuple[str, str]]:
    """What another server is told of who asks."""
    headers = [("X-Remote-User", user.name)]
    if user.uid:
        headers.append(("X-Remote-Uid", user.uid))
    headers += [("X-Remote-Group", group) for group in user.groups]
    for key, values in user.extra.items():
        headers += [(f"X-Remote-Extra-{_escaped(key)}", value) for value in values]
    return headers


def user_of(headers: Headers, names: HeaderNames) -> User | None:
    """Who asks, by the word of a front proxy that is trusted; None where it names nobody."""
    name = _first(headers, names.user)
    if not name:
        return None
    groups = tuple(value for header in names.group for value in headers.all(header.lower()))
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in names.extra_prefix:
        start = prefix.lower()
        for header in headers:
            if header.startswith(start) and len(header) > len(start):
                key = unquote(header[len(start) :]).lower()
                extra[key] = (*extra.get(key, ()), *headers.all(header))
    return User(name, _first(headers, names.uid), groups, extra)


def _first(headers: Headers, names: Sequence[str]) -> str:
    return next((value for name in names if (value := headers.get(name.lower(), ""))), "")


def _escaped(key: str) -> str:
    return "".join(c if c in _PLAIN else "".join(f"%{byte:02x}" for byte in c.encode()) for c in key)
