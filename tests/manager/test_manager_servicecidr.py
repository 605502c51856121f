"""ServiceCIDRs, mirrored Endpoints and storage migrations through a real API server in virtual time."""

from __future__ import annotations

from typing import Any

from test_manager_persistentvolumebinder import told
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, annotations_of, labels_of, name_of, uid_of

CIDRS = "service-cidr-controller"
MIRROR = "endpointslice-mirroring-controller"
MIGRATOR = "storage-version-migrator-controller"
SKIP = "endpointslice.kubernetes.io/skip-mirror"


def cidr(name: str, text: str) -> Obj:
    return new_object(kinds.SERVICECIDR, name, spec={"cidrs": [text]})


def address(text: str) -> Obj:
    parent = {"group": "", "resource": "services", "namespace": "default", "name": "s"}
    made = new_object(kinds.IPADDRESS, text, spec={"parentRef": parent})
    made["metadata"]["labels"] = {"ipaddress.kubernetes.io/ip-family": "IPv4"}
    return made


async def ready(world: World, name: str) -> tuple[str, str, str]:
    found = await world.client.get(kinds.SERVICECIDR, name)
    (condition,) = found["status"]["conditions"]
    return condition["status"], condition.get("reason", ""), condition["message"]


def test_a_range_goes_only_when_no_address_needs_it() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICECIDR, cidr("extra", "192.168.7.0/24"))
        await world.settle(2)
        found = await world.client.get(kinds.SERVICECIDR, "extra")
        assert found["metadata"]["finalizers"] == ["networking.k8s.io/service-cidr-finalizer"]
        assert await ready(world, "extra") == ("True", "", "Kubernetes Service CIDR is ready")
        await world.client.create(kinds.IPADDRESS, address("192.168.7.9"))
        await world.client.delete(kinds.SERVICECIDR, "extra")
        await world.settle(20)
        state, reason, message = await ready(world, "extra")
        assert (state, reason) == ("False", "Terminating")
        assert message.startswith("There are still IPAddresses referencing the ServiceCIDR")
        await world.client.create(kinds.SERVICECIDR, cidr("wider", "192.168.0.0/16"))
        await world.settle(2)
        assert await world.get(kinds.SERVICECIDR, "extra", "") is None

    play(story, CIDRS)


def test_a_range_without_addresses_waits_ten_seconds() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICECIDR, cidr("extra", "192.168.7.0/24"))
        await world.settle(2)
        await world.client.delete(kinds.SERVICECIDR, "extra")
        await world.settle(8)
        assert await world.get(kinds.SERVICECIDR, "extra", "") is not None
        await world.settle(3)
        assert await world.get(kinds.SERVICECIDR, "extra", "") is None

    play(story, CIDRS)


def service(name: str = "db", **spec: Any) -> Obj:
    return new_object(kinds.SERVICE, name, "default", spec={"ports": [{"port": 5432}], **spec})


def endpoints(name: str = "db", *addresses: str) -> Obj:
    subset = {
        "addresses": [{"ip": each} for each in addresses],
        "notReadyAddresses": [{"ip": "10.0.0.99", "hostname": "h"}],
        "ports": [{"name": "sql", "port": 5432}],
    }
    made = new_object(kinds.ENDPOINTS, name, "default", subsets=[subset])
    made["metadata"].update(labels={"app": "db"}, annotations={"note": "own"})
    return made


async def slices(world: World) -> list[Obj]:
    found = await world.all(kinds.ENDPOINTSLICE)
    return [each for each in found if labels_of(each)["kubernetes.io/service-name"] != "kubernetes"]


def test_endpoints_written_by_hand_are_mirrored() -> None:
    async def story(world: World) -> None:
        made = await world.client.create(kinds.ENDPOINTS, endpoints("db", "10.0.0.1", "fd00::1"))
        await world.settle(2)
        assert await slices(world) == [], "there is no Service"
        await world.client.create(kinds.SERVICE, service())
        await world.settle(2)
        four, six = sorted(await slices(world), key=lambda each: str(each["addressType"]))
        assert (four["addressType"], six["addressType"]) == ("IPv4", "IPv6")
        assert [each["addresses"] for each in four["endpoints"]] == [["10.0.0.1"], ["10.0.0.99"]]
        assert [each["conditions"]["ready"] for each in four["endpoints"]] == [True, False]
        assert four["endpoints"][1]["hostname"] == "h"
        assert four["ports"] == [{"name": "sql", "protocol": "TCP", "port": 5432}]
        assert labels_of(four) == {
            "app": "db",
            "kubernetes.io/service-name": "db",
            "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        }
        assert annotations_of(four) == {"note": "own"}
        (owner,) = four["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Endpoints", uid_of(made))
        patch = {"subsets": [{"addresses": [{"ip": "10.0.0.2"}], "ports": [{"name": "sql", "port": 5432}]}]}
        await world.client.patch(kinds.ENDPOINTS, "db", "default", patch)
        await world.settle(2)
        (only,) = await slices(world)
        assert name_of(only) == name_of(four), "the slice is changed, not replaced"
        assert [each["addresses"] for each in only["endpoints"]] == [["10.0.0.2"]]
        await world.client.patch(kinds.ENDPOINTS, "db", "default", {"metadata": {"labels": {SKIP: "true"}}})
        await world.settle(2)
        assert await slices(world) == []

    play(story, MIRROR)


def test_what_is_not_mirrored() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.SERVICE, service(selector={"app": "db"}))
        await world.client.create(kinds.ENDPOINTS, endpoints("db", "10.0.0.1"))
        leader = endpoints("lock", "10.0.0.1")
        leader["metadata"]["annotations"] = {"control-plane.alpha.kubernetes.io/leader": "{}"}
        await world.client.create(kinds.SERVICE, service("lock"))
        await world.client.create(kinds.ENDPOINTS, leader)
        await world.settle(2)
        assert await slices(world) == []

    play(story, MIRROR)


def test_more_than_a_thousand_addresses_are_cut() -> None:
    async def story(world: World) -> None:
        many = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1010)]
        await world.client.create(kinds.SERVICE, service())
        await world.client.create(kinds.ENDPOINTS, endpoints("db", *many))
        await world.settle(2)
        (only,) = await slices(world)
        assert len(only["endpoints"]) == 1000
        ((kind, reason, message),) = await told(world, "db")
        assert (kind, reason) == ("Warning", "TooManyAddressesToMirror")
        assert message.endswith("11 addresses were skipped")

    play(story, MIRROR)


def migration(group: str, resource: str) -> Obj:
    spec = {"resource": {"group": group, "resource": resource}}
    return new_object(kinds.STORAGEVERSIONMIGRATION, "m", spec=spec)


async def conditions(world: World) -> dict[str, tuple[str, str]]:
    found = await world.client.get(kinds.STORAGEVERSIONMIGRATION, "m")
    return {each["type"]: (each["status"], each["reason"]) for each in found["status"]["conditions"]}


def test_a_migration_goes_through_all_objects() -> None:
    async def story(world: World) -> None:
        for number in range(520):
            await world.client.create(
                kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, f"c{number:03}", "default", data={"a": "1"})
            )
        await world.client.create(kinds.STORAGEVERSIONMIGRATION, migration("", "configmaps"))
        await world.settle(10)
        reason = "StorageVersionMigrationSucceeded"
        assert await conditions(world) == {"Running": ("False", reason), "Succeeded": ("True", reason)}
        found = await world.client.get(kinds.STORAGEVERSIONMIGRATION, "m")
        assert found["status"]["resourceVersion"].isdecimal()

    play(story, MIGRATOR)


def test_a_resource_that_is_not_there_fails() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.STORAGEVERSIONMIGRATION, migration("example.org", "things"))
        await world.settle(3)
        reason = "StorageVersionMigrationFailed"
        assert await conditions(world) == {"Running": ("False", reason), "Failed": ("True", reason)}

    play(story, MIGRATOR)
