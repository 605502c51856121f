"""What the plugins about certificates share: whether somebody may act for a signer."""

from __future__ import annotations

from ..attributes import Attributes
from .plugin import Admission

GROUP = "certificates.k8s.io"


def check_signer(admission: Admission, verb: str, name: str, doing: str) -> None:
    """The user must have `verb` on the signer, by its name or by `domain/*`. Raises Forbidden."""
    domain, slash, _ = name.partition("/")
    names = (name, f"{domain}/*") if slash else (name,)
    authorize = admission.ctx.services.authorizer.authorize
    for asked in names:
        if authorize(Attributes(admission.user, verb, GROUP, "*", "signers", "", "", asked)).allowed:
            return
    raise admission.forbidden(f'user not permitted to {doing} signerName "{name}"')
