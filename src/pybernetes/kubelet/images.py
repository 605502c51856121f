"""Finding and pulling images: pull policies, pull secrets, one pull of an image at a time, back-off after failures."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pybernetes.api.meta import Obj, uid_of
from pybernetes.clock import Env
from pybernetes.lang.durations import go_duration

from .containers import pull_policy
from .podworker.seen import ImageOutcome
from .runtime import (
    AuthConfig,
    CRIError,
    Image,
    ImageService,
    ImageSpec,
    InvalidImageName,
    RegistryUnavailable,
    Unavailable,
)

INITIAL_BACKOFF, MOST_BACKOFF = 10.0, 300.0
NEVER_PULLED_RETRY = 10.0

Tell = Callable[[str, str, str], None]
"""(type, reason, message): an event about the container."""


@dataclass(slots=True)
class _Backoff:
    delay: float
    at: float


class ImageManager:
    def __init__(self, images: ImageService, env: Env, *, serialize: bool) -> None:
        self._images = images
        self._env = env
        self._lock = asyncio.Lock() if serialize else None
        self._pulls: dict[str, asyncio.Lock] = {}
        self._backoffs: dict[tuple[str, str], _Backoff] = {}
        self._known: dict[str, Image] = {}

    def image(self, image_id: str) -> Image:
        """What is known of an image found or pulled before (its own user matters to security contexts)."""
        return self._known.get(image_id) or Image(image_id)

    async def ensure(
        self, pod: Obj, container: Obj, attempt: int, auths: Sequence[AuthConfig], tell: Tell
    ) -> ImageOutcome:
        """The image for this incarnation, pulled if its policy says so. Never raises CRIError."""
        reference = container.get("image", "")
        policy = pull_policy(container)
        now = self._env.now()
        try:
            present = await self._images.image_status(ImageSpec(reference))
        except InvalidImageName as error:
            text = f'Failed to apply default image tag "{reference}": {error}'
            tell("Warning", "InspectFailed", text)
            tell("Warning", "Failed", "Error: InvalidImageName")
            return ImageOutcome(attempt, reference, reason="InvalidImageName", message=text, tried_at=now)
        except CRIError as error:
            text = f'Failed to inspect image "{reference}": {error}'
            tell("Warning", "InspectFailed", text)
            return self._failed(pod, reference, attempt, "ImageInspectError", text)
        if present is not None and policy != "Always":
            self._known[present.id] = present
            text = f'Container image "{reference}" already present on machine and can be accessed by the pod'
            tell("Normal", "Pulled", text)
            return ImageOutcome(attempt, reference, present.id)
        if policy == "Never":
            text = f'Container image "{reference}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", text)
            tell("Warning", "Failed", "Error: ErrImageNeverPull")
            retry_at = now + NEVER_PULLED_RETRY
            return ImageOutcome(attempt, reference, "", "ErrImageNeverPull", text, now, retry_at)
        return await self._pull(pod, reference, attempt, auths, tell)

    def forget(self, pod_uid: str) -> None:
        for key in [key for key in self._backoffs if key[0] == pod_uid]:
            del self._backoffs[key]

    async def _pull(
        self, pod: Obj, reference: str, attempt: int, auths: Sequence[AuthConfig], tell: Tell
    ) -> ImageOutcome:
        tell("Normal", "Pulling", f'Pulling image "{reference}"')
        asked = self._env.now()
        lock = self._lock or self._pulls.setdefault(reference, asyncio.Lock())
        try:
            async with lock:
                begun = self._env.now()
                image_id = await self._try(reference, auths)
                ended = self._env.now()
            found = await self._images.image_status(ImageSpec(reference)) or Image(image_id)
        except CRIError as error:
            tell("Warning", "Failed", f'Failed to pull image "{reference}": {error}')
            reason = _reason(error)
            tell("Warning", "Failed", f"Error: {reason}")
            return self._failed(pod, reference, attempt, reason, str(error))
        self._known[found.id] = found
        self._backoffs.pop((uid_of(pod), reference), None)
        spans = f"{_span(ended - begun)} ({_span(ended - asked)} including waiting)"
        size = f" Image size: {found.size} bytes." if found.size else ""
        tell("Normal", "Pulled", f'Successfully pulled image "{reference}" in {spans}.{size}')
        return ImageOutcome(attempt, reference, found.id)

    async def _try(self, reference: str, auths: Sequence[AuthConfig]) -> str:
        """With each credential in turn, and without where there is none. Raises the last error."""
        failure: CRIError | None = None
        choices: list[AuthConfig | None] = [*auths] or [None]
        for auth in choices:
            try:
                return await self._images.pull_image(ImageSpec(reference), auth)
            except Unavailable:
                raise
            except CRIError as error:
                failure = error
        assert failure is not None
        raise failure

    def _failed(self, pod: Obj, reference: str, attempt: int, reason: str, text: str) -> ImageOutcome:
        key, now = (uid_of(pod), reference), self._env.now()
        before = self._backoffs.get(key)
        fresh = before is None or now - before.at > 2 * MOST_BACKOFF
        delay = INITIAL_BACKOFF if fresh or before is None else min(2 * before.delay, MOST_BACKOFF)
        self._backoffs[key] = _Backoff(delay, now)
        return ImageOutcome(attempt, reference, "", reason, text, now, now + delay)


def _reason(error: CRIError) -> str:
    if isinstance(error, RegistryUnavailable):
        return "RegistryUnavailable"
    return "InvalidImageName" if isinstance(error, InvalidImageName) else "ErrImagePull"


def _span(seconds: float) -> str:
    return go_duration(round(seconds, 3))


# --- pull secrets -----------------------------------------------------------------------------------------------


def registry_of(reference: str) -> str:
    """The registry's host of an image reference; Docker Hub's for a short name."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return "docker.io" if first == "index.docker.io" else first
    return "docker.io"


def auths_for(reference: str, secrets: Sequence[Obj]) -> list[AuthConfig]:
    """The credentials that the pod's pull secrets hold for an image's registry, longest path first.

    A secret that does not parse is skipped, as upstream does: the pull then fails with the registry's own words.
    """
    wanted = registry_of(reference)
    path = reference if registry_of(reference) in reference else f"{wanted}/{reference}"
    found: list[tuple[str, AuthConfig]] = []
    for secret in secrets:
        for server, entry in _entries(secret).items():
            bare = server.partition("://")[2] or server
            bare = bare.removesuffix("/").removesuffix("/v1").removesuffix("/v2")
            bare = "docker.io" if bare == "index.docker.io" else bare
            if path == bare or path.startswith((bare + "/", bare + ":")):
                found.append((bare, _auth(server, entry)))
    return [auth for _, auth in sorted(found, key=lambda pair: -len(pair[0]))]


def _entries(secret: Obj) -> Obj:
    data = secret.get("data") or {}
    try:
        if text := data.get(".dockerconfigjson"):
            entries = json.loads(base64.b64decode(text)).get("auths") or {}
        elif text := data.get(".dockercfg"):
            entries = json.loads(base64.b64decode(text))
        else:
            return {}
    except (ValueError, AttributeError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _auth(server: str, entry: Obj) -> AuthConfig:
    username, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth") and not username:
        decoded = base64.b64decode(entry["auth"]).decode("utf-8", "replace")
        username, _, password = decoded.partition(":")
    return AuthConfig(
        username, password, server_address=server, identity_token=entry.get("identitytoken", "")
    )
