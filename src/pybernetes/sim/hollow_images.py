"""The images of a hollow node: every well-formed reference is there as soon as it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase

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

from .behaviour import PYTHON, Rule, load_program
from .script import draw

SIZE = 50_000_000  # bytes, of every image


class HollowImages:
    """Implements `kubelet.runtime.ImageService` in memory.

    `failing`: reference -> message of a pull that fails; it may change while pods wait for it. `pull_seconds` is how
    long each pull takes.
    """

    def __init__(
        self,
        env: Env,
        *,
        failing: dict[str, str] | None = None,
        pull_seconds: float = 0.0,
        rules: Sequence[Rule] = (),
    ) -> None:
        """Of `rules` the first that matches an image and says something of its pull counts."""
        self._env = env
        self._rules = rules
        self.failing = failing if failing is not None else {}
        self._pull_seconds = pull_seconds
        self._images: dict[str, Image] = {}

    async def pull_image(
        self, image: ImageSpec, auth: AuthConfig | None = None, sandbox_config: PodSandboxConfig | None = None
    ) -> str:
        reference = _checked(image.image)
        rule = next(
            (r for r in self._rules if (r.pull or r.pull_error) and fnmatchcase(reference, r.image)), None
        )
        seconds = self._pull_seconds if rule is None else draw(rule.pull, self._env.rng)
        if seconds:
            await asyncio.sleep(seconds)
        if message := self.failing.get(reference) or (rule.pull_error if rule else ""):
            raise ImagePullFailed(message)
        if reference.startswith(PYTHON):
            try:
                load_program(reference)
            except ValueError as error:
                raise ImagePullFailed(str(error)) from error
        digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
        repository = reference.partition("@")[0].rpartition(":")[0] or reference
        self._images[reference] = Image(digest, (reference,), (f"{repository}@{digest}",), SIZE)
        return digest

    def adopt(self, other: HollowImages) -> None:
        """Has the images that `other` has now."""
        self._images, self.failing = dict(other._images), dict(other.failing)

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
