"""What a review of access must ask, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from kindrules import FORBIDDEN, INVALID, REQUIRED, said

from pybernetes.api.authorization.accessreview import check_review, validate
from pybernetes.api.errors import Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import SUBJECTACCESSREVIEW

LABELS = "spec.resourceAttributes.labelSelector"
FIELDS = "spec.resourceAttributes.fieldSelector"
NEEDS_VALUES = "Required value: must be specified when `operator` is 'In' or 'NotIn'"
NO_VALUES = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "expected"),
    [
        ("SelfSubjectAccessReview", {}, {"resourceAttributes": {}}, []),
        ("SubjectAccessReview", {}, {"user": "u", "nonResourceAttributes": {}}, []),
        (
            "LocalSubjectAccessReview",
            {"namespace": "n"},
            {"user": "u", "resourceAttributes": {"namespace": "n"}},
            [],
        ),
        (
            "SubjectAccessReview",
            {"name": "x"},
            {},
            [
                (
                    INVALID,
                    "spec.resourceAttributes",
                    'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified',
                ),
                (INVALID, "spec.user", 'Invalid value: "": at least one of user or group must be specified'),
                (INVALID, "metadata", 'Invalid value: {"name":"x"}: must be empty'),
            ],
        ),
        (
            "LocalSubjectAccessReview",
            {"namespace": "n", "labels": {"a": "b"}},
            {
                "user": "u",
                "resourceAttributes": {"namespace": "m"},
                "nonResourceAttributes": {"path": "/x"},
            },
            [
                (
                    INVALID,
                    "spec.nonResourceAttributes",
                    'Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes',
                ),
                (
                    INVALID,
                    "metadata",
                    'Invalid value: {"namespace":"n","labels":{"a":"b"}}: must be empty except for namespace',
                ),
                (
                    INVALID,
                    "spec.resourceAttributes.namespace",
                    'Invalid value: "m": must match metadata.namespace',
                ),
                (
                    INVALID,
                    "spec.nonResourceAttributes",
                    'Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request',
                ),
            ],
        ),
        (
            "SelfSubjectAccessReview",
            {},
            {"resourceAttributes": {"labelSelector": {}, "fieldSelector": {}}},
            [
                (
                    REQUIRED,
                    f"{path}.requirements",
                    f"Required value: when {path} is specified, requirements or rawSelector is required",
                )
                for path in (FIELDS, LABELS)
            ],
        ),
        (
            "SelfSubjectAccessReview",
            {},
            {
                "resourceAttributes": {
                    "fieldSelector": {
                        "requirements": [{"operator": "In"}, {"key": "a", "operator": "Later"}],
                        "rawSelector": "a=b",
                    },
                    "labelSelector": {"requirements": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
                }
            },
            [
                (
                    INVALID,
                    f"{FIELDS}.rawSelector",
                    'Invalid value: "a=b": may not specified at the same time as requirements',
                ),
                (REQUIRED, f"{FIELDS}.requirements[0].key", "Required value: must be specified"),
                (REQUIRED, f"{FIELDS}.requirements[0].values", NEEDS_VALUES),
                (FORBIDDEN, f"{LABELS}.requirements[0].values", NO_VALUES),
            ],
        ),
    ],
)
def test_what_is_asked(
    kind: str, metadata: dict[str, Any], spec: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    errors = FieldErrors()
    validate(kind, {"metadata": metadata, "spec": spec}, errors)
    assert said(errors) == expected


def test_the_refusal_names_the_group_only() -> None:
    with pytest.raises(Invalid) as caught:
        check_review(SUBJECTACCESSREVIEW, {"metadata": {}, "spec": {"resourceAttributes": {}}})
    assert caught.value.message == (
        '.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified'
    )
    assert caught.value.status()["details"]["group"] == "authorization.k8s.io"
