"""ResourceClaims, their templates and classes: defaults, rules, allocation, table rows."""

from __future__ import annotations

import pytest
from kindrules import (
    CREATED,
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    NOW,
    REQUIRED,
    TOO_LONG,
    UNSUPPORTED,
    changed,
    new_errors,
    row,
    status_errors,
    update_errors,
)

from pybernetes.api.kinds import DEVICECLASS, DEVICETAINTRULE, RESOURCECLAIM, RESOURCECLAIMTEMPLATE

REQUEST = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}
DEVICES = "spec.devices"


def claim(*requests: dict, **devices: object) -> dict:
    return {
        "metadata": {"name": "c", "namespace": "default", "creationTimestamp": CREATED},
        "spec": {"devices": {"requests": list(requests or (REQUEST,)), **devices}},
    }


def exact(**fields: object) -> dict:
    return {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com", **fields}}


def test_defaults() -> None:
    tree = claim(exact(tolerations=[{"key": "k"}]), exact(allocationMode="All"))
    RESOURCECLAIM.default(tree)
    first, second = (each["exactly"] for each in tree["spec"]["devices"]["requests"])
    assert (first["allocationMode"], first["count"]) == ("ExactCount", 1)
    assert first["tolerations"] == [{"key": "k", "operator": "Equal"}]
    assert "count" not in second
    template = {"spec": {"spec": changed(claim())["spec"]}}
    RESOURCECLAIMTEMPLATE.default(template)
    assert template["spec"]["spec"]["devices"]["requests"][0]["exactly"]["count"] == 1


@pytest.mark.parametrize(
    ("tree", "reason", "field", "message"),
    [
        (
            claim({"name": "gpu"}),
            REQUIRED,
            "requests[0]",
            "Required value: exactly one of `exactly` or `firstAvailable` is required",
        ),
        (
            claim(
                {
                    **REQUEST,
                    "firstAvailable": [{"name": "a", "deviceClassName": "b", "allocationMode": "All"}],
                }
            ),
            INVALID,
            "requests[0]",
            'Invalid value: "null": exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
        ),
        (claim(REQUEST, REQUEST), DUPLICATE, "requests[1]", 'Duplicate value: "gpu"'),
        (
            claim(exact(deviceClassName="")),
            REQUIRED,
            "requests[0].exactly.deviceClassName",
            "Required value",
        ),
        (
            claim(exact(count=-1)),
            INVALID,
            "requests[0].exactly.count",
            "Invalid value: -1: must be greater than zero",
        ),
        (
            claim(exact(allocationMode="All", count=2)),
            INVALID,
            "requests[0].exactly.count",
            "Invalid value: 2: must not be specified when allocationMode is 'All'",
        ),
        (
            claim(exact(allocationMode="Some")),
            UNSUPPORTED,
            "requests[0].exactly.allocationMode",
            'Unsupported value: "Some": supported values: "All", "ExactCount"',
        ),
        (
            claim(exact(selectors=[{}])),
            REQUIRED,
            "requests[0].exactly.selectors[0].cel",
            "Required value",
        ),
        (
            claim(exact(selectors=[{"cel": {"expression": "x" * 10241}}])),
            TOO_LONG,
            "requests[0].exactly.selectors[0].cel.expression",
            "Too long: may not be more than 10240 bytes",
        ),
        (
            claim(constraints=[{"requests": ["other"], "matchAttribute": "a.example.com/model"}]),
            INVALID,
            "constraints[0].requests[0]",
            'Invalid value: "other": must be the name of a request in the claim or the name of a request and a '
            "subrequest separated by '/'",
        ),
        (
            claim(constraints=[{"matchAttribute": "model"}]),
            INVALID,
            "constraints[0].matchAttribute",
            'Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
        ),
        (claim(config=[{}]), REQUIRED, "config[0].opaque", "Required value"),
        (
            claim(config=[{"opaque": {"driver": "d.example.com", "parameters": [1]}}]),
            INVALID,
            "config[0].opaque.parameters",
            'Invalid value: "<value omitted>": must be a valid JSON object',
        ),
    ],
)
def test_rules(tree: dict, reason: str, field: str, message: str) -> None:
    assert new_errors(RESOURCECLAIM, claim()) == []
    assert new_errors(RESOURCECLAIM, tree) == [(reason, f"{DEVICES}.{field}", message)]


def test_alternatives_are_named_below_their_request() -> None:
    alternatives = [{"name": "big", "deviceClassName": "a"}, {"name": "small", "deviceClassName": "b"}]
    tree = claim(
        {"name": "gpu", "firstAvailable": alternatives},
        constraints=[{"requests": ["gpu/big"], "matchAttribute": "a.example.com/model"}],
    )
    assert new_errors(RESOURCECLAIM, tree) == []
    tree["spec"]["devices"]["constraints"][0]["requests"] = ["gpu/huge"]
    assert new_errors(RESOURCECLAIM, tree)[0][1] == "spec.devices.constraints[0].requests[0]"


def test_the_spec_stays() -> None:
    other = claim(exact(count=2))
    for kind in (RESOURCECLAIM, RESOURCECLAIMTEMPLATE):
        assert update_errors(kind, claim(), claim()) == []
    ((reason, field, message),) = update_errors(RESOURCECLAIM, other, claim())
    assert (reason, field) == (INVALID, "spec")
    assert message.endswith("field is immutable")
    template = {
        "metadata": {"name": "t"},
        "spec": {"metadata": {"labels": {"a b": "c"}}, "spec": {"devices": {}}},
    }
    assert new_errors(RESOURCECLAIMTEMPLATE, template)[0][1] == "spec.metadata.labels"


RESULT = {"request": "gpu", "driver": "d.example.com", "pool": "node-1", "device": "gpu-0"}
CONSUMER = {"resource": "pods", "name": "web", "uid": "1"}


def with_status(**status: object) -> dict:
    return {**claim(), "status": status}


def allocation(**changes: object) -> dict:
    return {"devices": {"results": [{**RESULT, **changes}]}}


def test_allocation() -> None:
    pending, good = claim(), with_status(allocation=allocation(), reservedFor=[CONSUMER])
    assert status_errors(RESOURCECLAIM, good, pending) == []
    assert status_errors(RESOURCECLAIM, with_status(reservedFor=[CONSUMER]), pending) == [
        (FORBIDDEN, "status.reservedFor", "Forbidden: may not be specified when `allocated` is not set")
    ]
    ((reason, field, message),) = status_errors(
        RESOURCECLAIM, with_status(allocation=allocation(device="gpu-1")), good
    )
    assert (reason, field) == (INVALID, "status.allocation")
    assert message.endswith("field is immutable")
    assert status_errors(RESOURCECLAIM, with_status(allocation=allocation(request="other")), pending)[0][
        1
    ] == ("status.allocation.devices.results[0].request")
    assert status_errors(RESOURCECLAIM, with_status(allocation=allocation(pool="a//b")), pending)[0][1] == (
        "status.allocation.devices.results[0].pool"
    )
    going = changed(good, metadata__deletionTimestamp=CREATED)
    more = changed(going, status__reservedFor=[CONSUMER, {**CONSUMER, "uid": "2"}])
    assert status_errors(RESOURCECLAIM, more, going)[0][0] == FORBIDDEN


def test_status_of_devices() -> None:
    device = {"driver": "d.example.com", "pool": "node-1", "device": "gpu-0"}
    data = {"ips": ["10.9.8.7/24"], "interfaceName": "net1"}
    good = with_status(allocation=allocation(), devices=[{**device, "networkData": data}])
    assert status_errors(RESOURCECLAIM, good, claim()) == []
    other = with_status(allocation=allocation(), devices=[{**device, "device": "gpu-9"}])
    assert status_errors(RESOURCECLAIM, other, claim()) == [
        (
            INVALID,
            "status.devices[0]",
            'Invalid value: "d.example.com/node-1/gpu-9": must be an allocated device in the claim',
        )
    ]
    bad = changed(good, status__devices__0__networkData__ips=["10.9.8.7"])
    assert status_errors(RESOURCECLAIM, bad, claim())[0][1] == "status.devices[0].networkData.ips[0]"
    released = changed(good, status__allocation=None)
    RESOURCECLAIM.prepare_status(released, good, NOW)
    assert released["status"] == {}


def test_classes() -> None:
    def device_class(**spec: object) -> dict:
        return {"metadata": {"name": "gpu.example.com", "creationTimestamp": CREATED}, "spec": spec}

    assert new_errors(DEVICECLASS, device_class(extendedResourceName="example.com/gpu")) == []
    assert new_errors(DEVICECLASS, device_class(extendedResourceName="gpu")) == [
        (
            INVALID,
            "spec.extendedResourceName",
            'Invalid value: "gpu": must be a valid extended resource name',
        )
    ]
    many = [{"cel": {"expression": "true"}}] * 33
    assert new_errors(DEVICECLASS, device_class(selectors=many)) == [
        ("FieldValueTooMany", "spec.selectors", "Too many: 33: must have at most 32 items")
    ]
    assert row(DEVICECLASS, device_class()) == {"Name": "gpu.example.com", "Age": "60s"}


def test_taint_rules() -> None:
    rule = {
        "metadata": {"name": "r", "creationTimestamp": CREATED},
        "spec": {
            "deviceSelector": {"driver": "d.example.com"},
            "taint": {"key": "broken", "effect": "NoExecute"},
        },
    }
    assert new_errors(DEVICETAINTRULE, rule) == []
    assert new_errors(DEVICETAINTRULE, changed(rule, spec__taint__effect="Never")) == [
        (
            UNSUPPORTED,
            "spec.taint.effect",
            'Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
        )
    ]
    made = changed(rule)
    DEVICETAINTRULE.prepare_create(made)
    assert made["spec"]["taint"]["timeAdded"] == CREATED
    later = changed(rule)
    DEVICETAINTRULE.prepare_update(later, made)
    assert later["spec"] == made["spec"]


def test_columns() -> None:
    assert row(RESOURCECLAIM, claim()) == {"Name": "c", "State": "pending", "Age": "60s"}
    assert (
        row(RESOURCECLAIM, with_status(allocation={}, reservedFor=[CONSUMER]))["State"]
        == "allocated,reserved"
    )
    deleted = changed(claim(), metadata__deletionTimestamp=CREATED)
    assert row(RESOURCECLAIM, deleted)["State"] == "deleted"
