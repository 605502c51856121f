"""The subresources and the create-only resources, and who serves each verb of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ..componentstatuses import get_component_status, list_component_statuses
from ..context import RequestContext
from ..replies import Reply
from ..verbs.get import get
from .accessreviews import (
    local_subject_access_review,
    self_subject_access_review,
    self_subject_rules_review,
    subject_access_review,
)
from .approval import patch_approval, update_approval
from .binding import create_binding, create_binding_by_name
from .connect import connect
from .ephemeralcontainers import patch_ephemeral, update_ephemeral
from .eviction import create_eviction
from .finalize import update_finalize
from .identityreviews import self_subject_review, token_review
from .resize import patch_resize, update_resize
from .scale import get_scale, patch_scale, update_scale
from .status import patch_status, update_status
from .token import create_token

Serve = Callable[[RequestContext], Awaitable[Reply]]
Verbs = Mapping[str, Serve]

_ANY: Verbs = dict.fromkeys(("get", "create", "update", "patch", "delete", ""), connect)

GENERIC: Mapping[str, Verbs] = {
    "status": {"get": get, "update": update_status, "patch": patch_status},
    "scale": {"get": get_scale, "update": update_scale, "patch": patch_scale},
    "proxy": _ANY,
}
"""Of every kind that names them."""

SPECIFIC: Mapping[tuple[str, str, str], Verbs] = {
    ("", "pods", "binding"): {"create": create_binding},
    ("", "pods", "eviction"): {"create": create_eviction},
    ("", "pods", "ephemeralcontainers"): {"get": get, "update": update_ephemeral, "patch": patch_ephemeral},
    ("", "pods", "resize"): {"get": get, "update": update_resize, "patch": patch_resize},
    ("", "pods", "log"): {"get": connect},
    ("", "pods", "exec"): {"get": connect, "create": connect},
    ("", "pods", "attach"): {"get": connect, "create": connect},
    ("", "pods", "portforward"): {"get": connect, "create": connect},
    ("", "namespaces", "finalize"): {"update": update_finalize},
    ("", "serviceaccounts", "token"): {"create": create_token},
    ("certificates.k8s.io", "certificatesigningrequests", "approval"): {
        "get": get,
        "update": update_approval,
        "patch": patch_approval,
    },
}

_AUTHORIZATION, _AUTHENTICATION = "authorization.k8s.io", "authentication.k8s.io"

CREATED_ONLY: Mapping[tuple[str, str], Serve] = {
    ("", "bindings"): create_binding_by_name,
    (_AUTHORIZATION, "subjectaccessreviews"): subject_access_review,
    (_AUTHORIZATION, "localsubjectaccessreviews"): local_subject_access_review,
    (_AUTHORIZATION, "selfsubjectaccessreviews"): self_subject_access_review,
    (_AUTHORIZATION, "selfsubjectrulesreviews"): self_subject_rules_review,
    (_AUTHENTICATION, "tokenreviews"): token_review,
    (_AUTHENTICATION, "selfsubjectreviews"): self_subject_review,
}
"""Resources that are created to be answered."""

COMPUTED: Mapping[tuple[str, str], Verbs] = {
    ("", "componentstatuses"): {"get": get_component_status, "list": list_component_statuses},
}
"""Resources that are not stored but found out when they are read."""
