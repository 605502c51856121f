"""SelfSubjectReviews: ask who I am; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

SELFSUBJECTREVIEW = Kind(
    group="authentication.k8s.io",
    version="v1",
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    namespaced=False,
    singular="selfsubjectreview",
    verbs=("create",),
    schema="io.k8s.api.authentication.v1.SelfSubjectReview",
)
