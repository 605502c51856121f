"""SelfSubjectRulesReviews: ask all that I may in a namespace; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

SELFSUBJECTRULESREVIEW = Kind(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    namespaced=False,
    singular="selfsubjectrulesreview",
    verbs=("create",),
    schema="io.k8s.api.authorization.v1.SelfSubjectRulesReview",
)
