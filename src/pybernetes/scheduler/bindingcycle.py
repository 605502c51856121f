"""From a decision to a bound pod: Reserve, Permit, PreBind, Bind, PostBind; where one fails, all is given back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from pybernetes.api.meta import name_of, namespace_of

from .asked import PluginError, asked
from .configuration.types import Extender
from .extenders import client as extender_client
from .extenders.client import ExtenderError
from .fiterror import fit_error
from .framework import Attempt, Plugin, Refused
from .profile import Profile
from .waiting import NotPermitted, WaitingPods

log = logging.getLogger("scheduler")

Delayed = Callable[[Attempt], Awaitable[None]]
"""Told once where a pod will not be bound at once: it waits at Permit, or a PreBind has work to do."""


class NotBound(Exception):
    """The pod does not go to its node now. `rejected_by`: the plugin that refused it; "" for an error, after which the
    pod is simply tried again."""

    def __init__(self, message: str, rejected_by: str = "") -> None:
        super().__init__(message)
        self.rejected_by = rejected_by


def refusal(reason: str, plugin: str) -> NotBound:
    """A plugin refuses the pod on the one node that was chosen; the sentence is upstream's."""
    return NotBound(fit_error(1, {reason: 1}), plugin)


def reserve(attempt: Attempt, profile: Profile) -> None:
    """Has every plugin take what the pod needs, in order. Raises NotBound after giving everything back."""
    with profile.timings.measured("Reserve"):
        for plugin in profile.reserve:
            if plugin.reserve is None:
                continue
            try:
                why = asked(profile, plugin, "Reserve", plugin.reserve, attempt)
            except PluginError as error:
                unreserve(attempt, profile)
                raise NotBound(str(error)) from error.__cause__
            if why:
                unreserve(attempt, profile)
                raise refusal(why, plugin.name)


def unreserve(attempt: Attempt, profile: Profile) -> None:
    """Has every plugin give back what it took, in reverse order; those that took nothing know."""
    for plugin in reversed(profile.reserve):
        if plugin.unreserve is not None:
            try:
                plugin.unreserve(attempt)
            except Exception:
                log.exception("Unreserve plugin %s failed for %s", plugin.name, _name(attempt))


async def _give_back(attempt: Attempt, profile: Profile) -> None:
    """Has every plugin write what must be so again, in reverse order."""
    for plugin in reversed(profile.plugins):
        if plugin.give_back is not None:
            try:
                await plugin.give_back(attempt)
            except Exception:
                log.exception("Unreserve plugin %s failed for %s", plugin.name, _name(attempt))


async def bind(
    attempt: Attempt,
    profile: Profile,
    waiting: WaitingPods,
    extenders: Sequence[Extender] = (),
    delayed: Delayed | None = None,
) -> None:
    """Performs everything after Reserve. Raises NotBound after giving everything back."""
    try:
        times = profile.timings
        with times.measured("Permit"):
            pending = _permit(attempt, profile)
        if pending:
            waiting.enter(attempt.pod, attempt.node, pending)
        work = [plugin for plugin in profile.pre_bind if _has_work(plugin, attempt)]
        if (pending or work) and delayed is not None:
            await delayed(attempt)
        if pending:
            await _wait(attempt, waiting, pending)
        with times.measured("PreBind"):
            for plugin in work:
                await _pre_bind(attempt, plugin)
        with times.measured("Bind"):
            if not await _bound_by_extender(attempt, extenders):
                await _bind(attempt, profile)
    except BaseException as error:
        waiting.leave(attempt.pod)
        unreserve(attempt, profile)
        if isinstance(error, Exception):
            await _give_back(attempt, profile)
        raise
    with times.measured("PostBind"):
        for plugin in profile.post_bind:
            assert plugin.post_bind is not None
            try:
                await plugin.post_bind(attempt)
            except Exception:
                log.exception("PostBind plugin %s failed for %s", plugin.name, _name(attempt))


def _permit(attempt: Attempt, profile: Profile) -> dict[str, float]:
    """The plugins that want the pod to wait, with the seconds that each gives."""
    pending: dict[str, float] = {}
    for plugin in profile.permit:
        assert plugin.permit is not None
        try:
            permission = asked(profile, plugin, "Permit", plugin.permit, attempt)
        except PluginError as error:
            raise NotBound(str(error)) from error.__cause__
        if permission.verdict == "reject":
            raise refusal(permission.reason or f"rejected by plugin {plugin.name}", plugin.name)
        if permission.verdict == "wait":
            pending[plugin.name] = permission.seconds
    return pending


async def _wait(attempt: Attempt, waiting: WaitingPods, pending: dict[str, float]) -> None:
    try:
        await waiting.wait(attempt.pod, attempt.node, pending)
    except NotPermitted as error:
        raise refusal(str(error), error.plugin) from error


def _has_work(plugin: Plugin, attempt: Attempt) -> bool:
    if plugin.pre_bind_pre_flight is None:
        return True
    try:
        return plugin.pre_bind_pre_flight(attempt)
    except Exception as error:
        raise NotBound(f'running PreBindPreFlight plugin "{plugin.name}": {error}') from error


async def _pre_bind(attempt: Attempt, plugin: Plugin) -> None:
    assert plugin.pre_bind is not None
    try:
        await plugin.pre_bind(attempt)
    except Refused as error:
        raise refusal(str(error), plugin.name) from error
    except Exception as error:
        raise NotBound(f'running PreBind plugin "{plugin.name}": {error}') from error


async def _bound_by_extender(attempt: Attempt, extenders: Sequence[Extender]) -> bool:
    for extender in extenders:
        if extender.bind_verb and extender.interested(attempt.facts.requests):
            try:
                await extender_client.bind(extender, attempt.pod, attempt.node)
            except ExtenderError as error:
                raise NotBound(f"binding rejected: {error}") from error
            return True
    return False


async def _bind(attempt: Attempt, profile: Profile) -> None:
    for plugin in profile.bind:
        assert plugin.bind is not None
        try:
            if await plugin.bind(attempt):
                return
        except Refused as error:
            raise NotBound(f"binding rejected: {error}", plugin.name) from error
        except Exception as error:
            raise NotBound(f'binding rejected: running Bind plugin "{plugin.name}": {error}') from error
    raise NotBound("binding rejected: plugin status: all Bind plugins skipped")


def _name(attempt: Attempt) -> str:
    return f"{namespace_of(attempt.pod)}/{name_of(attempt.pod)}"
