"""One request on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api.kind import Kind
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.client.interface import PatchType, Reaction
from pybernetes.clock import Env
from pybernetes.wire.http.messages import Request

from .flowcontrol.flow import Flow
from .negotiation import Form
from .registry import Resource
from .requestinfo import RequestInfo
from .selection import Selection
from .services import Services
from .user import ANONYMOUS_USER, User

LONG_RUNNING = frozenset({"watch"})
LONG_RUNNING_SUBRESOURCES = frozenset({"log", "exec", "attach", "portforward", "proxy"})
MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
NO_QUERY: Mapping[str, str] = {}
UNREAD = RequestInfo("")


@dataclass(slots=True)
class RequestContext:
    """What arrived, and what the stages have found out so far.

    `request` is there for HTTP; a caller in this process gives `body` as a tree and has set `info` and `user`.
    """

    services: Services
    request: Request | None = None
    query: Mapping[str, str] = field(default_factory=lambda: NO_QUERY)
    info: RequestInfo = field(default_factory=lambda: UNREAD)
    user: User = ANONYMOUS_USER
    body: Any = None
    patch_type: PatchType | None = None
    reaction: Reaction | None = None
    mutating: bool = False
    """Whether it may change an object."""
    resource: Resource | None = None
    impersonated_by: str = ""
    warnings: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    admitted: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    """What admission changed: (who, the object before, the object after)."""
    begin: Callable[[MutableObj, Obj | None], None] | None = None
    """(new, old): what fills in a Service's addresses and ports, before it is judged with them."""
    renamed: tuple[bytes, bytes] | None = None
    """What was given another name since `admitted` was noted: (its name there, its name now)."""
    revision: int = 0
    """The revision of the write that this request made."""
    name: str = ""
    """The name of the object that was written, where the request did not know it."""
    managed_fields: list[Any] | None = None
    """The owners that an apply has worked out for the object; None: the write finds them (`verbs/ownership.py`)."""
    answers: dict[Hashable, Any] = field(default_factory=dict)
    """What admission has asked the outside (`admission/questions.py`)."""
    give_back: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What to do with what admission has reserved, if the request fails after all."""
    replayed: Env | None = None
    """What a repeated attempt draws from instead of the server's time and randomness."""
    audit_id: str = ""
    """See `ensure_audit_id`."""
    form: Form | None = None
    """The form of the answer, once it is settled."""
    shown: Selection | None = None
    """What is selected of the objects once they are converted, where somebody has to be asked for that."""
    flow: Flow | None = None
    """What priority and fairness makes of the request."""
    annotations: dict[str, str] = field(default_factory=dict)
    """Audit annotations of admission plugins: `pod-security.kubernetes.io/audit`, …"""

    @property
    def env(self) -> Env:
        """Time and randomness of this request."""
        return self.replayed or self.services.env

    @property
    def kind(self) -> Kind:
        """The kind of the resource asked for (the pipeline has made sure that there is one)."""
        assert self.resource is not None
        return self.resource.kind

    @property
    def namespace(self) -> str:
        """The namespace of the object asked for: "" for a cluster-scoped one (whose request may have one all the
        same: a Namespace's is its own name)."""
        resource = self.resource
        return self.info.namespace if resource is None or resource.kind.namespaced else ""

    @property
    def long_running(self) -> bool:
        return self.info.verb in LONG_RUNNING or self.info.subresource in LONG_RUNNING_SUBRESOURCES

    @property
    def dry_run(self) -> bool:
        return bool(self.query.get("dryRun"))

    def ensure_audit_id(self) -> str:
        """What names this request in the audit log and in the answer: the client's own word where it has one."""
        if not self.audit_id:
            given = self.request.headers.get("audit-id", "") if self.request is not None else ""
            self.audit_id = given or self.services.audit_ids()
        return self.audit_id

    def warn(self, message: str) -> None:
        """Adds a `Warning` header, once per message."""
        if message not in self.warnings:
            self.warnings.append(message)
