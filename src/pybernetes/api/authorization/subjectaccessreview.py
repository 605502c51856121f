"""SubjectAccessReviews: ask whether somebody may; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

SUBJECTACCESSREVIEW = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SubjectAccessReview",
    plural="subjectaccessreviews",
    namespaced=False,
    singular="subjectaccessreview",
    verbs=("create",),
    schema="io.k8s.api.authorization.v1.SubjectAccessReview",
)
