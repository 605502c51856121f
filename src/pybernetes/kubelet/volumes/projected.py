"""projected: several sources in one directory, among them the service account token and the cluster's CA."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api.meta import Obj
from pybernetes.kubelet import podspec
from pybernetes.kubelet.env import SourceKind
from pybernetes.kubelet.host import FileProjection

from .payload import DEFAULT_MODE, Payload, downward_payload, object_payload
from .plugin import MountError, VolumeContext, VolumePlugin

DEFAULT_EXPIRATION = 3600


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    """Every source is tried, so that the message names all that is missing (upstream)."""
    source = volume["projected"]
    mode = source.get("defaultMode", DEFAULT_MODE)
    files: Payload = {}
    problems = []
    for part in source.get("sources") or ():
        try:
            files |= await _part(context, part, mode)
        except MountError as error:
            problems.append(str(error))
    if problems:
        raise MountError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    await context.host.mount_tmpfs(path)
    await context.host.write_payload(path, files, fs_group=context.fs_group)


async def _part(context: VolumeContext, part: Obj, mode: int) -> Payload:
    for field, kind in _OBJECTS:
        if inner := part.get(field):
            name = inner.get("name", "")
            return object_payload(kind, await context.fetch(kind, name), inner, name, mode)
    if inner := part.get("downwardAPI"):
        return downward_payload(context.pod, inner.get("items") or [], context.node, mode)
    if inner := part.get("serviceAccountToken"):
        seconds = inner.get("expirationSeconds", DEFAULT_EXPIRATION)
        token = await context.token(inner.get("audience", ""), seconds)
        return {inner["path"]: _token_file(context, token, mode)}
    raise MountError(f"unsupported projected volume source {', '.join(part)}")


def _token_file(context: VolumeContext, token: str, mode: int) -> FileProjection:
    """Readable by the pod's group or its one user, and by nobody else where there is such (upstream)."""
    if context.fs_group is not None:
        return FileProjection(token.encode(), 0o640)
    shared = (context.pod["spec"].get("securityContext") or {}).get("runAsUser")
    users = {
        (c.get("securityContext") or {}).get("runAsUser", shared)
        for c in podspec.every_container(context.pod)
    }
    user = users.pop() if len(users) == 1 else None
    if user is not None:
        return FileProjection(token.encode(), 0o600, uid=user)
    return FileProjection(token.encode(), mode)


_OBJECTS: tuple[tuple[str, SourceKind], ...] = (("configMap", "configmap"), ("secret", "secret"))


def references(volume: Obj) -> Iterable[tuple[SourceKind, str]]:
    for part in volume["projected"].get("sources") or ():
        for field, kind in _OBJECTS:
            if inner := part.get(field):
                yield kind, inner.get("name", "")


PLUGIN = VolumePlugin("projected", "kubernetes.io~projected", set_up, references, live=True)
