"""The static token file (`--token-auth-file`): CSV lines `token,user,uid,"group1,group2"`."""

from __future__ import annotations

import csv
import hmac
from collections.abc import Iterable

from ..user import User
from .verified import Verified


class StaticTokens:
    """Tokens known from the start; they neither expire nor change."""

    def __init__(self, users: dict[str, User]) -> None:
        self._users = users

    @classmethod
    def parse(cls, lines: Iterable[str]) -> StaticTokens:
        """Reads the file's lines. Raises ValueError on a line with fewer than three columns, an empty token or an
        empty user name."""
        users: dict[str, User] = {}
        for number, row in enumerate(csv.reader(lines, skipinitialspace=True), start=1):
            if not row:
                continue
            if len(row) < 3 or not row[0] or not row[1]:
                raise ValueError(
                    f"token file line {number}: expected token, user name, user uid and optional groups"
                )
            groups = tuple(g.strip() for g in row[3].split(",") if g.strip()) if len(row) > 3 else ()
            users[row[0]] = User(row[1], row[2], groups)
        return cls(users)

    def verify(self, token: str) -> Verified | None:
        # Every token is compared in constant time, so that an answer's delay tells nothing about a near miss.
        found = None
        for known, user in self._users.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = Verified(user)
        return found
