"""LocalSubjectAccessReviews: ask whether somebody may in one namespace; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

LOCALSUBJECTACCESSREVIEW = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    namespaced=True,
    singular="localsubjectaccessreview",
    verbs=("create",),
    schema="io.k8s.api.authorization.v1.LocalSubjectAccessReview",
)
