"""The images of a hollow node: every well-formed reference is there as soon as it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from pybernetes.clock import Env
from pybernetes.kubelet.runtime import (
    AuthConfig,
    FilesystemUsage,
    Image,
    ImagePullFailed,
    ImageSpec,
    InvalidImageName,
    PodSandboxConfig,
)

SIZE = 50_000_000  # bytes, of every image


class HollowImages:
    """Implements `kubelet.runtime.ImageService` in memory.

    `failing`: reference -> message of a pull that fails; it may change while pods wait for it. `pull_seconds` is how
    long each pull takes.
    """

    def __init__(self, env: Env, *, failing: dict[str, str] | None = None, pull_seconds: float = 0.0) -> None:
        self._env = env
        self.failing = failing if failing is not None else {}
        self._pull_seconds = pull_seconds
        self._images: dict[str, Image] = {}

    async def pull_image(
        self, image: ImageSpec, auth: AuthConfig | None = None, sandbox_config: PodSandboxConfig | None = None
    ) -> str:
        reference = _checked(image.image)
        if self._pull_seconds:
            await asyncio.sleep(self._pull_seconds)
        if message := self.failing.get(reference):
            raise ImagePullFailed(message)
        digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
        repository = reference.partition("@")[0].rpartition(":")[0] or reference
        self._images[reference] = Image(digest, (reference,), (f"{repository}@{digest}",), SIZE)
        return digest

    async def image_status(self, image: ImageSpec) -> Image | None:
        return self._images.get(_checked(image.image))

    async def list_images(self) -> Sequence[Image]:
        return [*self._images.values()]

    async def remove_image(self, image: ImageSpec) -> None:
        self._images.pop(image.image, None)

    async def image_fs_info(self) -> Sequence[FilesystemUsage]:
        return [FilesystemUsage(self._env.now(), "/", SIZE * len(self._images))]


def _checked(reference: str) -> str:
    if not reference or reference != reference.strip() or any(c.isspace() for c in reference):
        raise InvalidImageName(f'couldn\'t parse image name "{reference}": invalid reference format')
    return reference
