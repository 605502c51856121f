"""CRI's ImageService over a unix socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc.aio
from cri_api.v1 import api_pb2 as pb
from cri_api.v1 import api_pb2_grpc as rpc

from pybernetes.host.pause import PAUSE_IMAGE
from pybernetes.kubelet.runtime import AuthConfig, FilesystemUsage, Image, ImageSpec, PodSandboxConfig

from . import convert
from .errors import answered, finished, pulled

CALL_SECONDS = 120.0


class CriImages:
    """Implements `kubelet.runtime.ImageService`. Pulls have no time limit: the runtime has its own."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._rpc: Any = rpc.ImageServiceStub(channel)  # type: ignore[no-untyped-call]

    async def pull_image(
        self, image: ImageSpec, auth: AuthConfig | None = None, sandbox_config: PodSandboxConfig | None = None
    ) -> str:
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image.image))
        if auth is not None:
            request.auth.CopyFrom(
                pb.AuthConfig(
                    username=auth.username,
                    password=auth.password,
                    auth=auth.auth,
                    server_address=auth.server_address,
                    identity_token=auth.identity_token,
                    registry_token=auth.registry_token,
                )
            )
        if sandbox_config is not None:
            request.sandbox_config.CopyFrom(convert.sandbox_config(sandbox_config))
        reply = await pulled(self._rpc.PullImage(request))
        return str(reply.image_ref)

    async def image_status(self, image: ImageSpec) -> Image | None:
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=image.image))
        reply = await pulled(self._rpc.ImageStatus(request, timeout=CALL_SECONDS))
        return convert.image(reply.image) if reply.HasField("image") else None

    async def list_images(self) -> Sequence[Image]:
        reply = await answered(self._rpc.ListImages(pb.ListImagesRequest(), timeout=CALL_SECONDS))
        images = [convert.image(item) for item in reply.images]
        # containerd before 1.7 does not say so, and without this image no pod starts: it is not to be collected.
        return [replace(image, pinned=True) if PAUSE_IMAGE in image.repo_tags else image for image in images]

    async def remove_image(self, image: ImageSpec) -> None:
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=image.image))
        await finished(self._rpc.RemoveImage(request, timeout=CALL_SECONDS))

    async def image_fs_info(self) -> Sequence[FilesystemUsage]:
        reply = await answered(self._rpc.ImageFsInfo(pb.ImageFsInfoRequest(), timeout=CALL_SECONDS))
        return [
            FilesystemUsage(
                usage.timestamp / convert.NANOS,
                usage.fs_id.mountpoint,
                usage.used_bytes.value,
                usage.inodes_used.value,
            )
            for usage in reply.image_filesystems
        ]
