"""Asking the outside in the middle of a verb: how synchronous admission meets what must be awaited.

A plugin computes and never waits. Where it needs an answer that only waiting brings (a webhook's, a quota's), it calls
`answer`: that returns what is known already, or ends the attempt by raising `Unanswered`. The shell around the verb,
`answering`, then asks, and runs the verb again from its start; nothing has been written yet, so nothing is lost. What an
attempt draws from its environment (uids, names, the time) is the same in each attempt once a question depends on it, so
the same question is recognised as the same.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pybernetes.api.errors import ApiError, InternalError
from pybernetes.clock import Env

if TYPE_CHECKING:
    from ..context import RequestContext

T = TypeVar("T")

ATTEMPTS = 256
"""Attempts after which a verb whose questions never end is a bug."""


@dataclass(frozen=True, slots=True)
class Question:
    """`ask` gets the answer and raises nothing but cancellation: a refusal is an answer too."""

    key: Hashable
    ask: Callable[[], Awaitable[Any]]
    drawn: bool = True
    """Whether the key depends on what the attempt has drawn: the object's uid, a generated name."""


class Unanswered(Exception):
    """What has to be asked before the verb can go on."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        super().__init__(", ".join(str(question.key) for question in questions))
        self.questions = questions


def answer(ctx: RequestContext, question: Question) -> Any:
    """The answer to one question. Raises Unanswered."""
    return answers(ctx, (question,))[0]


def answers(ctx: RequestContext, questions: tuple[Question, ...]) -> list[Any]:
    """The answers to several that do not depend on each other: they are asked at the same time. Raises Unanswered."""
    missing = tuple(question for question in questions if question.key not in ctx.answers)
    if missing:
        raise Unanswered(missing)
    return [ctx.answers[question.key] for question in questions]


async def answering(ctx: RequestContext, attempt: Callable[[RequestContext], Awaitable[T]]) -> T:
    """Runs `attempt` until it has all its answers. Where it then fails, what was promised to it on the way is given
    back (`ctx.give_back`)."""
    warnings, verdicts = tuple(ctx.warnings), tuple(ctx.verdicts)
    seed: int | None = None
    now = 0.0
    for _ in range(ATTEMPTS):
        try:
            return await attempt(ctx)
        except Unanswered as unanswered:
            questions = unanswered.questions
        except ApiError:
            await _give_back(ctx)
            raise
        if seed is None and any(question.drawn for question in questions):
            # From here on every attempt draws the same; this one's draws are lost, so it is not asked about.
            seed, now = ctx.env.rng.getrandbits(64), ctx.env.now()
        else:
            await _ask(ctx, questions)
        if seed is not None:
            ctx.replayed = _same_again(now, seed)
        ctx.warnings[:], ctx.verdicts[:] = warnings, verdicts
        ctx.admitted.clear()
    raise InternalError("admission never ends asking")


def _same_again(now: float, seed: int) -> Env:
    return Env(lambda: now, random.Random(seed))


async def _ask(ctx: RequestContext, questions: tuple[Question, ...]) -> None:
    async def one(question: Question) -> None:
        ctx.answers[question.key] = await question.ask()

    if len(questions) == 1:
        await one(questions[0])
        return
    async with asyncio.TaskGroup() as group:
        for question in questions:
            group.create_task(one(question))


async def _give_back(ctx: RequestContext) -> None:
    while ctx.give_back:
        await ctx.give_back.pop()()
