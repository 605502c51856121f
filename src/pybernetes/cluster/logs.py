"""What containers of hollow nodes have printed, without a connection."""

from __future__ import annotations

from pybernetes.api.errors import NotFound
from pybernetes.api.meta import Obj, name_of
from pybernetes.apiserver.connect.pod_targets import chosen_container
from pybernetes.kubelet.server.crilog import LogOptions
from pybernetes.kubelet.server.locate import logged_container

from .composition import Composition


async def logs_of(parts: Composition, pod: Obj, container: str = "") -> str:
    """Raises NotFound where no hollow node has the pod, BadRequest where the container cannot be told."""
    node = parts.nodes.get(pod["spec"].get("nodeName") or "")
    if node is None:
        raise NotFound(f'pod "{name_of(pod)}" runs on no node of this cluster')
    container_id = logged_container(pod, chosen_container(pod, container), previous=False)
    return b"".join([chunk async for chunk in await node.backend.logs(container_id, LogOptions())]).decode()
