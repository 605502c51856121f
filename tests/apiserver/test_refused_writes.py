"""Writes that are refused, as clients see it: what is told first, and what of it nobody keeps."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import ApiError, Invalid
from pybernetes.client.interface import Call, Transport

from .bothways import create, fails, get

SMALL = {"service_cidr": "10.9.0.0/29", "service_node_ports": (30000, 30003)}


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": [{"port": 80}], **spec}}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}], **spec},
    }


def at(kind: Any, name: str, body: Any, subresource: str = "", verb: str = "update", **more: Any) -> Call:
    return Call(verb, kind, "default", name, subresource=subresource, body=body, **more)


async def account(t: Transport) -> None:
    """Pods are somebody's."""
    await create(t, kinds.SERVICEACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})


async def refused(t: Transport, call: Call, error: type[ApiError] = Invalid) -> str:
    return (await fails(error, t, call)).message


def test_a_service_gets_its_addresses_before_it_is_judged(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        first = await create(t, kinds.SERVICE, service("first"))
        taken = first["spec"]["clusterIP"]
        # Both the address and the ports are wrong: only the address is told.
        body = service("second", clusterIP=taken, ports=[{"port": 0}])
        assert await refused(t, Call("create", kinds.SERVICE, "default", body=body)) == (
            f'Service "second" is invalid: spec.clusterIPs: Invalid value: ["{taken}"]: '
            f"failed to allocate IP {taken}: provided IP is already allocated"
        )
        body = service("second", type="NodePort", ports=[{"port": 80, "nodePort": 1, "protocol": "X"}])
        assert await refused(t, Call("create", kinds.SERVICE, "default", body=body)) == (
            'Service "second" is invalid: spec.ports[0].nodePort: Invalid value: 1: provided port is '
            "not in the valid range. The range of valid ports is 30000-30003"
        )
        body = service("second", clusterIP="nonsense", ports=[{"port": 0}])
        assert (await refused(t, Call("create", kinds.SERVICE, "default", body=body))).startswith(
            'Service "second" is invalid: spec.clusterIPs[0]: Invalid value: "nonsense": '
        )

    run(scenario, **SMALL)


def test_what_a_refused_service_was_given_is_free_again(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        bad = service("bad", type="NodePort", ports=[{"port": 80, "protocol": "X"}] * 1)
        for _ in range(9):  # more often than there are addresses or ports
            message = await refused(t, Call("create", kinds.SERVICE, "default", body=bad))
            assert 'spec.ports[0].protocol: Unsupported value: "X"' in message
        made = await create(t, kinds.SERVICE, service("good"))
        for number in range(9):
            body = {"spec": {"type": "NodePort", "sessionAffinity": f"no{number}"}}
            message = await refused(t, at(kinds.SERVICE, "good", body, verb="patch", patch_type="merge"))
            assert "spec.sessionAffinity: Unsupported value" in message
        wanted = {"spec": {"type": "NodePort"}}
        changed = await t.call(at(kinds.SERVICE, "good", wanted, verb="patch", patch_type="merge"))
        assert changed["spec"]["clusterIP"] == made["spec"]["clusterIP"]
        assert changed["spec"]["ports"][0]["nodePort"]

    run(scenario, **SMALL)


def test_a_service_may_begin_with_a_digit(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        assert (await create(t, kinds.SERVICE, service("1st")))["metadata"]["name"] == "1st"

    run(scenario)


def test_marks_of_a_pod_stay_whatever_else_changes(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        await create(t, kinds.POD, pod("a"))
        marked = {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}
        for subresource in ("", "status", "ephemeralcontainers"):
            call = at(kinds.POD, "a", marked, subresource, verb="patch", patch_type="merge")
            if subresource == "ephemeralcontainers":
                await t.call(call)  # takes nothing but its containers
                continue
            assert "may not add mirror pod annotation" in await refused(t, call)
        assert not (await get(t, kinds.POD, "a"))["metadata"].get("annotations")

    run(scenario)


def test_resizes(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        resources = {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}
        sidecar = {"name": "s", "image": "i", "restartPolicy": "Always", "resources": resources}
        made = await create(
            t,
            kinds.POD,
            pod(
                "a",
                initContainers=[sidecar],
                containers=[{"name": "c", "image": "i", "resources": resources}],
            ),
        )

        def wish(field: str, name: str, amounts: dict[str, Any]) -> Call:
            body = {"spec": {field: [{"name": name, "resources": amounts}]}}
            return at(kinds.POD, "a", body, "resize", verb="patch", patch_type="strategic")

        changed = await t.call(wish("containers", "c", {"requests": {"cpu": "1500m"}}))
        assert changed["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1500m"}
        assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1
        changed = await t.call(wish("initContainers", "s", {"requests": {"cpu": "1200m"}}))
        assert changed["spec"]["initContainers"][0]["resources"]["requests"] == {"cpu": "1200m"}
        message = await refused(t, wish("containers", "c", {"limits": {"cpu": None}}))
        assert "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed" in message
        message = await refused(t, wish("containers", "c", {"requests": {"cpu": "3"}}))
        assert "must be less than or equal to cpu limit of 2" in message
        message = await refused(t, wish("containers", "c", {"requests": {"ephemeral-storage": "1Gi"}}))
        assert "only cpu and memory resources are mutable" in message

    run(scenario)


def test_debug_containers_stay(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        await create(t, kinds.POD, pod("a"))

        def wish(*containers: dict[str, str]) -> Call:
            return at(kinds.POD, "a", pod("a", ephemeralContainers=containers), "ephemeralcontainers")

        made = await t.call(wish({"name": "d", "image": "i"}))
        assert made["spec"]["ephemeralContainers"][0]["image"] == "i"
        message = await refused(t, wish({"name": "d", "image": "other"}))
        assert 'existing ephemeral containers "d" may not be changed' in message
        message = await refused(t, wish())
        assert 'existing ephemeral containers "d" may not be removed' in message

    run(scenario)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "target.name: Required value"),
        (
            {"kind": "Service", "name": "?"},
            '[target.kind: Unsupported value: "Service": supported values: "Node", "<empty>", '
            'target.name: Invalid value: "?"',
        ),
    ],
)
def test_a_binding_to_nothing(run: Any, target: Any, message: str) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        await create(t, kinds.POD, pod("a"))
        body = {"metadata": {"name": "a"}, "target": target}
        call = Call("create", kinds.POD, "default", "a", subresource="binding", body=body)
        error = await fails(ApiError, t, call)
        assert error.code == 500
        assert error.message.startswith(message)

    run(scenario)


def test_fields_of_features_that_are_off_are_not_kept(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        containers = [{"name": "c", "image": "i", "lifecycle": {"stopSignal": "SIGUSR1"}}]
        made = await create(t, kinds.POD, pod("a", containers=containers, os={"name": "linux"}))
        assert made["spec"]["containers"][0].get("lifecycle") == {}

    run(scenario)


def test_labels_that_a_spread_matches_are_the_pods_own(run: Any) -> None:
    async def scenario(t: Transport) -> None:
        await account(t)
        spread = {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "web"}},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for name, value in (("a", "1"), ("b", "2")):  # the same spec, other labels
            tree = pod(name, topologySpreadConstraints=[spread])
            tree["metadata"]["labels"] = {"app": "web", "pod-template-hash": value}
            made = await create(t, kinds.POD, tree)
            (constraint,) = made["spec"]["topologySpreadConstraints"]
            assert constraint["labelSelector"]["matchExpressions"] == [
                {"key": "pod-template-hash", "operator": "In", "values": [value]}
            ]

    run(scenario)
