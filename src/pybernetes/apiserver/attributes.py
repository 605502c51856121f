"""What a request wants to do, as authorizers and admission see it."""

from __future__ import annotations

from typing import NamedTuple

from .user import User


class Attributes(NamedTuple):
    """For a resource request all of group … name are meaningful ("" for none); for any other only verb and path.

    `verb` is the API verb (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`,
    `impersonate`, `bind`, `escalate`, …), or the lower-case HTTP method where `is_resource` is False.
    """

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    is_resource: bool = True
    field_selector: str = ""
    """Of a list, watch or deletecollection, as the client wrote it: a kubelet may list only its own pods."""

    @property
    def combined_resource(self) -> str:
        """`pods` or `pods/log`: how RBAC rules name it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource
