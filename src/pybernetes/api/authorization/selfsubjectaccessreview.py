"""SelfSubjectAccessReviews: ask whether I may; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

SELFSUBJECTACCESSREVIEW = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    namespaced=False,
    singular="selfsubjectaccessreview",
    verbs=("create",),
    schema="io.k8s.api.authorization.v1.SelfSubjectAccessReview",
)
