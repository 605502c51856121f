"""TokenReviews: ask whose token this is; answered, never stored."""

from __future__ import annotations

from ..kind import Kind

TOKENREVIEW = Kind(
    group="authentication.k8s.io",
    version="v1",
    kind="TokenReview",
    plural="tokenreviews",
    namespaced=False,
    singular="tokenreview",
    verbs=("create",),
    schema="io.k8s.api.authentication.v1.TokenReview",
)
