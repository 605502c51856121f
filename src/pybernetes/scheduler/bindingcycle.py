"""From a decision to a bound pod: Reserve, Permit, PreBind, Bind, PostBind; where one fails, all is given back."""

from __future__ import annotations

import logging

from pybernetes.api.errors import ApiError
from pybernetes.api.meta import name_of, namespace_of

from .framework import Attempt, Plugin, Refused
from .profile import Profile
from .waiting import NotPermitted, WaitingPods

log = logging.getLogger("scheduler")


class NotBound(Exception):
    """The pod does not go to its node now. `rejected_by`: the plugin that refused it; "" for an error, after which the
    pod is simply tried again."""

    def __init__(self, message: str, rejected_by: str = "") -> None:
        super().__init__(message)
        self.rejected_by = rejected_by


def reserve(attempt: Attempt, profile: Profile) -> None:
    """Has every plugin take what the pod needs, in order. Raises NotBound after giving everything back."""
    for plugin in profile.reserve:
        if plugin.reserve is None:
            continue
        try:
            why = plugin.reserve(attempt)
        except Exception as error:
            unreserve(attempt, profile)
            raise NotBound(f'running Reserve plugin "{plugin.name}": {error}') from error
        if why:
            unreserve(attempt, profile)
            raise NotBound(why, plugin.name)


def unreserve(attempt: Attempt, profile: Profile) -> None:
    """Has every plugin give back what it took, in reverse order; those that took nothing know."""
    for plugin in reversed(profile.reserve):
        if plugin.unreserve is not None:
            try:
                plugin.unreserve(attempt)
            except Exception:
                log.exception("Unreserve plugin %s failed for %s", plugin.name, _name(attempt))


async def bind(attempt: Attempt, profile: Profile, waiting: WaitingPods) -> None:
    """Performs everything after Reserve. Raises NotBound after giving everything back."""
    try:
        await _permit(attempt, profile, waiting)
        for plugin in profile.pre_bind:
            await _pre_bind(attempt, plugin)
        await _bind(attempt, profile)
    except BaseException:
        unreserve(attempt, profile)
        raise
    for plugin in profile.post_bind:
        assert plugin.post_bind is not None
        try:
            await plugin.post_bind(attempt)
        except Exception:
            log.exception("PostBind plugin %s failed for %s", plugin.name, _name(attempt))


async def _permit(attempt: Attempt, profile: Profile, waiting: WaitingPods) -> None:
    pending: dict[str, float] = {}
    for plugin in profile.permit:
        assert plugin.permit is not None
        try:
            permission = plugin.permit(attempt)
        except Exception as error:
            raise NotBound(f'running Permit plugin "{plugin.name}": {error}') from error
        if permission.verdict == "reject":
            raise NotBound(permission.reason, plugin.name)
        if permission.verdict == "wait":
            pending[plugin.name] = permission.seconds
    if not pending:
        return
    try:
        await waiting.wait(attempt.pod, attempt.node, pending)
    except NotPermitted as error:
        raise NotBound(str(error), error.plugin) from error


async def _pre_bind(attempt: Attempt, plugin: Plugin) -> None:
    assert plugin.pre_bind is not None
    try:
        await plugin.pre_bind(attempt)
    except Refused as error:
        raise NotBound(str(error), plugin.name) from error
    except Exception as error:
        raise NotBound(f'running PreBind plugin "{plugin.name}": {error}') from error


async def _bind(attempt: Attempt, profile: Profile) -> None:
    for plugin in profile.bind:
        assert plugin.bind is not None
        try:
            if await plugin.bind(attempt):
                return
        except Refused as error:
            raise NotBound(f"binding rejected: {error}", plugin.name) from error
        except (TimeoutError, ApiError, OSError) as error:
            raise NotBound(f"binding rejected: {error}") from error
        except Exception as error:
            raise NotBound(f'binding rejected: running Bind plugin "{plugin.name}": {error}') from error
    raise NotBound("binding rejected: plugin status: all Bind plugins skipped")


def _name(attempt: Attempt) -> str:
    return f"{namespace_of(attempt.pod)}/{name_of(attempt.pod)}"
