"""ValidatingAdmissionWebhook: hooks that may refuse the object as it would be stored. All are asked at the same time."""

from __future__ import annotations

from ..plugin import Admission, Plugin
from ..questions import answers
from .asking import hooks_for, judge, question


def _validate(admission: Admission) -> None:
    hooks = hooks_for(admission, "validatingwebhookconfigurations")
    if not hooks:
        return
    questions = tuple(question(admission, hook, kind, mutating=False) for _, hook, kind in hooks)
    for (number, hook, _), verdict in zip(hooks, answers(admission.ctx, questions), strict=True):
        judge(admission, hook, verdict, "validating", f"round_0_index_{number}")


VALIDATING_ADMISSION_WEBHOOK = Plugin("ValidatingAdmissionWebhook", validate=_validate)
