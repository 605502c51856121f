"""hostPath: a path of the node itself, checked or made as its type says."""

from __future__ import annotations

from pybernetes.api.meta import Obj

from .plugin import MountError, VolumeContext, VolumePlugin

_WORDS = {
    "Directory": "directory",
    "File": "file",
    "Socket": "socket",
    "CharDevice": "character device",
    "BlockDevice": "block device",
}


async def set_up(context: VolumeContext, volume: Obj, path: str) -> None:
    kind = volume["hostPath"].get("type") or ""
    if not kind:
        return
    found = await context.host.path_type(path)
    if kind == "DirectoryOrCreate" and not found:
        await context.host.make_dir(path, 0o755)
        return
    if kind == "FileOrCreate" and not found:
        await context.host.write_file(path, b"", 0o644)
        return
    wanted = kind.removesuffix("OrCreate")
    if found != wanted:
        raise MountError(f"hostPath type check failed: {path} is not a {_WORDS[wanted]}")


PLUGIN = VolumePlugin(
    "hostPath", "kubernetes.io~host-path", set_up, host_path=lambda volume: str(volume["hostPath"]["path"])
)
