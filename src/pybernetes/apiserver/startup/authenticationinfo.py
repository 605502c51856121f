"""ConfigMap `extension-apiserver-authentication` of kube-system: by what aggregated API servers know this one's word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from pybernetes.aio import upkeep
from pybernetes.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from pybernetes.api.kinds import CONFIGMAP
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Call

if TYPE_CHECKING:
    from ..config import ApiServerConfig
    from ..inprocess import InProcessTransport
    from ..registry import Registry

log = logging.getLogger(__name__)

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
INTERVAL = 60.0
"""Seconds between looks at whether it still says so."""


def data_of(config: ApiServerConfig) -> dict[str, str]:
    """What it says."""
    data: dict[str, str] = {}
    if config.client_ca:
        data["client-ca-file"] = config.client_ca.decode()
    if config.requestheader_client_ca:
        data["requestheader-client-ca-file"] = config.requestheader_client_ca.decode()
        for key, values in (
            ("requestheader-allowed-names", config.requestheader_allowed_names),
            ("requestheader-username-headers", config.requestheader_username_headers),
            ("requestheader-uid-headers", config.requestheader_uid_headers),
            ("requestheader-group-headers", config.requestheader_group_headers),
            ("requestheader-extra-headers-prefix", config.requestheader_extra_headers_prefix),
        ):
            data[key] = orjson.dumps(list(values)).decode()
    return data


async def publish(transport: InProcessTransport, registry: Registry, config: ApiServerConfig) -> None:
    """Writes it where it is not there or says something else; what others have put beside it stays."""
    wanted = data_of(config)
    if not wanted:
        return
    found = registry.core("configmaps", NAMESPACE, NAME)
    try:
        if found is None:
            metadata = {"name": NAME, "namespace": NAMESPACE}
            body: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wanted}
            await transport.call(Call("create", CONFIGMAP, NAMESPACE, body=body))
        elif {key: (found.get("data") or {}).get(key) for key in wanted} != wanted:
            body = {**found, "data": {**(found.get("data") or {}), **wanted}}
            await transport.call(Call("update", CONFIGMAP, NAMESPACE, NAME, body=body))
    except (AlreadyExists, Conflict, NotFound):
        return  # another API server was faster: it does the same


async def keep(transport: InProcessTransport, registry: Registry, config: ApiServerConfig) -> None:
    """Publishes, and again at intervals, until cancelled."""
    while True:
        try:
            await publish(transport, registry, config)
        except ApiError as error:
            log.warning("ConfigMap %s/%s: %s", NAMESPACE, NAME, error)
        await upkeep.pause(INTERVAL)
