"""Whether an aggregated API server is well: the condition `Available` of its APIService, with upstream's words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.meta import MutableObj, Obj
from pybernetes.lang import timestamps

from ..connect.servicelocation import slices_of
from ..registry import Registry
from ..user import MASTERS, User
from .identity import headers_of
from .peers import Peers
from .remotes import Remote

TIMEOUT = 5.0
"""Seconds that the other server is given to tell what it serves."""
ATTEMPTS = 5
"""How many endpoints are asked at most before the server counts as away."""
AGGREGATOR = User("system:kube-aggregator", groups=(MASTERS,))
LARGEST = 16 << 20
"""Bytes of a document that are read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out; `resources` is the APIResourceList that the server told, b"" where it told none."""

    status: str
    reason: str
    message: str
    resources: bytes = b""


async def look(remote: Remote, registry: Registry, peers: Peers) -> Finding:
    """Looks at the Service and its endpoints, then asks for the resources of the version."""
    problem = check_service(remote, registry)
    if problem is not None:
        return problem
    last = ""
    for _ in range(attempts_for(remote, registry)):
        url = remote.path
        try:
            url = peers.base(remote) + remote.path
            reply = await peers.client(remote).request(
                "GET",
                url,
                headers=[*headers_of(AGGREGATOR), ("Accept", "application/json")],
                timeout=TIMEOUT,
                limit=LARGEST,
            )
        except TimeoutError:
            last = (
                f"failing or missing response from {url}: Get {_quoted(url)}: context deadline exceeded "
                "(Client.Timeout exceeded while awaiting headers)"
            )
        except ServiceUnavailable as error:
            last = error.message
        except (OSError, ValueError) as error:
            last = (
                f"failing or missing response from {url}: Get {_quoted(url)}: {error or type(error).__name__}"
            )
        else:
            if 200 <= reply.status < 300:
                return Finding("True", "Passed", "all checks passed", reply.body)
            last = f"failing or missing response from {url}: bad status from {url}: {reply.status}"
        await asyncio.sleep(0)
    return Finding("False", "FailedDiscoveryCheck", last)


def attempts_for(remote: Remote, registry: Registry) -> int:
    """One per endpoint, so that one that is broken does not stand for all."""
    slices = slices_of(registry, remote.namespace, remote.service)
    count = sum(len(each.get("endpoints") or ()) for each in slices)
    return max(1, min(ATTEMPTS, 2 * count if count > 1 else count))


def check_service(remote: Remote, registry: Registry) -> Finding | None:
    """What is wrong with the Service, None where it can be asked. Pure."""
    where = f'service/{remote.service} in "{remote.namespace}"'
    service = registry.core("services", remote.namespace, remote.service)
    if service is None:
        return Finding("False", "ServiceNotFound", f"{where} is not present")
    spec = service.get("spec") or {}
    if spec.get("type", "ClusterIP") != "ClusterIP":
        return None
    ports = [port for port in spec.get("ports") or () if port.get("port") == remote.port]
    if not ports:
        return Finding("False", "ServicePortError", f"{where} is not listening on port {remote.port}")
    slices = slices_of(registry, remote.namespace, remote.service)
    if not slices and registry.core("endpoints", remote.namespace, remote.service) is None:
        return Finding("False", "EndpointsNotFound", f"cannot find endpoints for {where}")
    name = ports[0].get("name") or ""
    if not any(_serves(each, name) for each in slices):
        return Finding(
            "False", "MissingEndpoints", f'endpoints for {where} have no addresses with port name "{name}"'
        )
    return None


def _serves(endpoints: Obj, port_name: str) -> bool:
    ready = any(
        (endpoint.get("conditions") or {}).get("ready", True) is not False
        for endpoint in endpoints.get("endpoints") or ()
    )
    return ready and any((port.get("name") or "") == port_name for port in endpoints.get("ports") or ())


def with_condition(tree: Obj, found: Finding, now: float) -> MutableObj | None:
    """The status with what was found; None where it says so already."""
    status: MutableObj = dict(tree.get("status") or {})
    before = next((c for c in status.get("conditions") or () if c.get("type") == "Available"), None)
    fresh = {
        "type": "Available",
        "status": found.status,
        "lastTransitionTime": timestamps.rfc3339(now),
        "reason": found.reason,
        "message": found.message,
    }
    if before is not None and before.get("status") == found.status:
        if (before.get("reason"), before.get("message")) == (found.reason, found.message):
            return None
        fresh["lastTransitionTime"] = before.get("lastTransitionTime") or fresh["lastTransitionTime"]
    others = [c for c in status.get("conditions") or () if c.get("type") != "Available"]
    status["conditions"] = [*others, fresh]
    return status


def _quoted(url: str) -> str:
    return f'"{url}"'
