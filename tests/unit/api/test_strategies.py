"""Each kind's answer to upstream's strategy questions: may an update be without a resourceVersion, may it create, what of the
metadata may a write of the status change."""

from __future__ import annotations

import copy

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kinds import ENDPOINTS, ENDPOINTSLICE, KINDS, PRIORITYCLASS

CONDITIONAL = {
    "APIService",
    "CSIDriver",
    "CSINode",
    "CSIStorageCapacity",
    "ClusterTrustBundle",
    "CustomResourceDefinition",
    "Lease",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "PodCertificateRequest",
    "PodDisruptionBudget",
    "RuntimeClass",
    "StorageVersionMigration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
}
CREATED_BY_UPDATE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "Endpoints",
    "Event",
    "Lease",
    "LimitRange",
    "Role",
    "RoleBinding",
    "RuntimeClass",
    "Service",
}
KEEP_METADATA_IN_STATUS = {
    "APIService",
    "CustomResourceDefinition",
    "DeviceTaintRule",
    "FlowSchema",
    "PodCertificateRequest",
    "PriorityLevelConfiguration",
    "ResourceClaim",
    "ServiceCIDR",
    "StorageVersionMigration",
    "ValidatingAdmissionPolicy",
    "VolumeAttachment",
}
"""Upstream's `ResetObjectMetaForStatus`."""


def test_which_updates_need_a_resource_version() -> None:
    assert {kind.kind for kind in KINDS if not kind.unconditional_update} == CONDITIONAL


def test_which_updates_create() -> None:
    assert {kind.kind for kind in KINDS if kind.create_on_update} == CREATED_BY_UPDATE


def test_what_a_write_of_the_status_leaves_of_the_metadata() -> None:
    with_status = [kind for kind in KINDS if "status" in kind.subresources]
    assert {kind.kind for kind in with_status if not kind.status_metadata} == KEEP_METADATA_IN_STATUS
    parts = {kind.kind: kind.status_metadata for kind in with_status}
    assert parts["Deployment"] == ("annotations", "finalizers", "ownerReferences"), "labels stay"
    assert parts["Pod"] == ("labels", "annotations", "finalizers"), "owners stay"


def test_the_generation_of_a_slice_counts_labels_and_drops_the_old_topology() -> None:
    endpoint = {"addresses": ["10.0.0.1"], "deprecatedTopology": {"a": "b"}}
    old = {"metadata": {"labels": {"a": "1"}}, "addressType": "IPv4", "endpoints": [endpoint]}
    ENDPOINTSLICE.prepare_create(old)
    assert old["metadata"]["generation"] == 1  # type: ignore[index]
    assert old["endpoints"] == [{"addresses": ["10.0.0.1"]}]
    new = copy.deepcopy(old)
    ENDPOINTSLICE.prepare_update(new, old)
    assert new["metadata"]["generation"] == 1  # type: ignore[index]
    new["metadata"]["labels"] = {"a": "2"}  # type: ignore[index]
    ENDPOINTSLICE.prepare_update(new, old)
    assert new["metadata"]["generation"] == 2  # type: ignore[index]


def test_a_priority_class_is_of_its_first_generation() -> None:
    tree = {"metadata": {"name": "a"}, "value": 1}
    PRIORITYCLASS.prepare_create(tree)
    assert tree["metadata"]["generation"] == 1  # type: ignore[index]
    assert not PRIORITYCLASS.generation


def test_endpoints_that_cannot_be() -> None:
    subset = {
        "addresses": [{"ip": "x"}, {"ip": "169.254.0.1"}, {"ip": "0.0.0.0"}],
        "ports": [{"port": 0}, {"port": 80, "name": "A"}],
    }
    tree = {"metadata": {"name": "a"}, "subsets": [subset, {}]}
    ENDPOINTS.default(tree)
    errors = FieldErrors()
    ENDPOINTS.validate_create(tree, errors)
    assert [cause.field for cause in errors.causes] == [
        "subsets[0].addresses[0].ip",
        "subsets[0].addresses[0].ip",
        "subsets[0].addresses[1].ip",
        "subsets[0].addresses[2].ip",
        "subsets[0].ports[0].name",
        "subsets[0].ports[0].port",
        "subsets[0].ports[1].name",
        "subsets[1]",
    ]
    unchanged = FieldErrors()
    ENDPOINTS.validate_update(tree, tree, unchanged)
    assert not unchanged, "what stays as it is may break today's rules"


def test_slices_that_cannot_be() -> None:
    tree = {
        "metadata": {"name": "a"},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": ["::1"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}]}},
            {"addresses": []},
            {"addresses": ["224.0.0.5"], "hostname": "A"},
        ],
        "ports": [{"name": "a", "protocol": "X"}, {"name": "a"}],
    }
    ENDPOINTSLICE.default(tree)
    errors = FieldErrors()
    ENDPOINTSLICE.validate_create(tree, errors)
    assert [(cause.field, cause.message.partition(":")[0]) for cause in errors.causes] == [
        ("endpoints[0].addresses", "Invalid value"),
        ("endpoints[0].hints.forZones[1].name", "Duplicate value"),
        ("endpoints[1].addresses", "Required value"),
        ("endpoints[2].addresses[0]", "Invalid value"),
        ("endpoints[2].hostname", "Invalid value"),
        ("ports[0].protocol", "Unsupported value"),
        ("ports[1].name", "Duplicate value"),
    ]
