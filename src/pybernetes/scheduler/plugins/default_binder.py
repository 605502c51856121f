"""DefaultBinder: writes the Binding."""

from __future__ import annotations

from pybernetes.api import kinds
from pybernetes.api.meta import name_of, namespace_of, resource_version_of
from pybernetes.client.interface import Reaction

from ..framework import Attempt, Plugin
from ..writes import binding

EXPLANATION = "explanation"
"""Where an attempt's state holds the sentence for the ledger."""


async def bind(attempt: Attempt) -> bool:
    assert attempt.client is not None
    pod = attempt.pod
    reaction = Reaction(
        "Pod",
        namespace_of(pod),
        name_of(pod),
        resource_version_of(pod),
        attempt.state.get(EXPLANATION, ""),
    )
    await attempt.client.create(
        kinds.POD, binding(pod, attempt.node), subresource="binding", name=name_of(pod), reaction=reaction
    )
    return True


PLUGIN = Plugin("DefaultBinder", bind=bind)
