"""Creating and starting one container: environment, mounts, files, the runtime's calls, the postStart hook."""

from __future__ import annotations

import logging

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import Obj, name_of, namespace_of
from pybernetes.kubelet import podspec
from pybernetes.kubelet.containers import (
    Prepared,
    container_config,
    container_dir,
    hosts_path,
    log_path,
    termination_log,
    wants_hosts_file,
)
from pybernetes.kubelet.dns import host_network_hosts_file, hosts_file
from pybernetes.kubelet.env import ConfigError, EnvContext, environment
from pybernetes.kubelet.recorder import tell_about
from pybernetes.kubelet.runtime import ContainerConfig, CRIError, Unavailable
from pybernetes.kubelet.sandbox import log_directory, sandbox_config

from .actions import StartContainer
from .hooks import HookFailed, run_hook
from .memory import ActionFailed
from .parts import Parts
from .terminate import LEAST_GRACE
from .view import PodView

log = logging.getLogger("kubelet.pod")

CONFIG_RETRY = 10.0
MOST_HOSTS = 64 * 1024


async def start_container(parts: Parts, pod: Obj, action: StartContainer, view: PodView, pod_ip: str) -> None:
    """Returns when the container runs and its postStart hook has succeeded. Raises ActionFailed."""
    container = podspec.container_named(pod, action.container)
    if container is None:
        return
    tell = tell_about(parts.recorder, pod, action.container)
    try:
        config = await _configure(parts, pod, container, action, pod_ip)
    except (ConfigError, ApiError, OSError) as error:
        tell("Warning", "Failed", f"Error: {error}")
        raise ActionFailed(
            "CreateContainerConfigError", str(error), first=CONFIG_RETRY, most=CONFIG_RETRY
        ) from error
    try:
        sandbox = sandbox_config(pod, parts.config, parts.host, 0)
        container_id = await parts.runtime.create_container(action.sandbox_id, config, sandbox)
    except Unavailable:
        raise
    except CRIError as error:
        tell("Warning", "Failed", f"Error: {error}")
        await view.refresh()
        raise ActionFailed(
            "CreateContainerError", str(error), first=CONFIG_RETRY, most=CONFIG_RETRY
        ) from error
    tell("Normal", "Created", "Container created")
    try:
        await parts.runtime.start_container(container_id)
    except Unavailable:
        raise
    except CRIError as error:
        tell("Warning", "Failed", f"Error: {error}")
        await view.read_container(container_id, action.sandbox_id)
        # The runtime holds it as exited: the restart back-off says when it is tried again.
        raise ActionFailed("RunContainerError", str(error), first=0.0) from error
    tell("Normal", "Started", "Container started")
    await view.read_container(container_id, action.sandbox_id)
    await _post_start(parts, pod, container, container_id, view, pod_ip)


async def _configure(
    parts: Parts, pod: Obj, container: Obj, action: StartContainer, pod_ip: str
) -> ContainerConfig:
    services = parts.services(pod)
    if services is None:
        raise ConfigError("services have not yet been read at least once, cannot construct envvars")
    found = await parts.volumes.fetch_for_env(pod, container)
    ips = (pod_ip,) if pod_ip else ()
    context = EnvContext(pod, parts.node(), lambda kind, name: found.get((kind, name)), services, pod_ips=ips)
    values = environment(container, context)
    mounts = await parts.volumes.mounts(pod, container, values)
    await _files(parts, pod, container, action, ips)
    prepared = Prepared(parts.images.image(action.image_id), values, mounts, parts.node_memory)
    return container_config(pod, container, action.attempt, prepared, parts.config)


async def _files(
    parts: Parts, pod: Obj, container: Obj, action: StartContainer, ips: tuple[str, ...]
) -> None:
    """The files of the node that the container will have mounted, and the directory of its log."""
    host, config, name = parts.host, parts.config, action.container
    if wants_hosts_file(container):
        if podspec.is_host_network(pod):
            try:
                node_hosts = (await host.read_file("/etc/hosts", MOST_HOSTS)).decode("utf-8", "replace")
            except FileNotFoundError:
                node_hosts = "127.0.0.1\tlocalhost\n"
            text = host_network_hosts_file(pod, node_hosts)
        else:
            text = hosts_file(pod, ips, config)
        await host.make_dir(config.pod_dir(pod["metadata"]["uid"]), 0o750)
        await host.write_file(hosts_path(pod, config), text.encode())
    await host.make_dir(container_dir(pod, name, config), 0o750)
    await host.write_file(termination_log(pod["metadata"]["uid"], name, action.attempt, config), b"", 0o666)
    logs = f"{log_directory(pod, config)}/{log_path(name, action.attempt)}"
    await host.make_dir(logs.rpartition("/")[0])


async def _post_start(
    parts: Parts, pod: Obj, container: Obj, container_id: str, view: PodView, pod_ip: str
) -> None:
    """A container whose hook fails is killed (and restarted as its policy says)."""
    hook = (container.get("lifecycle") or {}).get("postStart")
    if not hook:
        return
    try:
        await run_hook(hook, container, container_id, pod_ip, parts.runtime, parts.host)
    except HookFailed as error:
        name = container["name"]
        log.info("postStart hook of %s in %s/%s: %s", name, namespace_of(pod), name_of(pod), error)
        tell = tell_about(parts.recorder, pod, name)
        tell("Warning", "FailedPostStartHook", "PostStartHook failed")
        tell("Normal", "Killing", "FailedPostStartHook")
        grace = max(float(pod["spec"].get("terminationGracePeriodSeconds", 30)), LEAST_GRACE)
        await parts.runtime.stop_container(container_id, grace)
        await view.read_container(container_id)
        raise ActionFailed("PostStartHookError", "PostStartHook failed", first=0.0) from error
