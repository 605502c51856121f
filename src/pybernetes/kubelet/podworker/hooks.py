"""Lifecycle handlers: exec in the container, an HTTP request to it, or a sleep."""

from __future__ import annotations

import asyncio
from typing import Any

from pybernetes.api.meta import Obj
from pybernetes.kubelet.containers import port_number
from pybernetes.kubelet.host import Host
from pybernetes.kubelet.runtime import CRIError, RuntimeService

HTTP_TIMEOUT = 30.0


class HookFailed(Exception):
    """The handler did not succeed."""


async def run_hook(
    handler: Obj, container: Obj, container_id: str, pod_ip: str, runtime: RuntimeService, host: Host
) -> None:
    """Raises HookFailed. Limits of time are the caller's."""
    try:
        if action := handler.get("exec"):
            command = list(action.get("command") or ())
            result = await runtime.exec_sync(container_id, command, 0)
            if result.exit_code:
                told = (result.stdout + result.stderr).decode("utf-8", "replace")
                raise HookFailed(
                    f"command '{' '.join(command)}' exited with {result.exit_code}: {result.stderr.decode('utf-8', 'replace')}, message: {told!r}"
                )
        elif action := handler.get("httpGet"):
            await _http(action, container, pod_ip, host)
        elif action := handler.get("sleep"):
            await asyncio.sleep(action.get("seconds", 0))
        elif action := handler.get("tcpSocket"):
            raise HookFailed("tcpSocket is not supported in a lifecycle handler")
    except (CRIError, OSError, ValueError) as error:
        raise HookFailed(str(error)) from error


async def _http(action: Obj, container: Obj, pod_ip: str, host: Host) -> None:
    scheme: Any = action.get("scheme") or "HTTP"
    name = action.get("host") or pod_ip
    port = port_number(container, action.get("port") or (443 if scheme == "HTTPS" else 80))
    path = action.get("path") or "/"
    headers = [(h["name"], h.get("value", "")) for h in action.get("httpHeaders") or ()]
    path = path if path.startswith("/") else "/" + path
    await host.http_get(scheme, name, port, path, headers, HTTP_TIMEOUT)
