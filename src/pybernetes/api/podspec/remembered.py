"""Pod specs that were found valid before need not be walked again: the pods of one template, or one pod over its life.

What makes two pods of a template differ is the name of the volume with their token, which admission made up: it is
taken out of the comparison where a spec has exactly one such volume, for then one spec is the other with a volume
renamed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import orjson

from ..fielderrors import FieldErrors
from ..meta import Obj
from .validate import validate_pod_spec

ENTRIES = 4096
TOKEN_VOLUME = re.compile(rb"kube-api-access-[a-z0-9]{5}(?=\")")
"""The made-up name of the volume with a pod's token, in JSON."""
_valid: dict[bytes, None] = {}
_harmless: dict[bytes, None] = {}


def validate_remembered(spec: Obj, errors: FieldErrors) -> None:
    """`validate_pod_spec`, skipped for a spec that it has passed before."""
    digest = _digest(spec)
    if digest in _valid:
        return
    before = len(errors.causes)
    validate_pod_spec(spec, errors)
    if len(errors.causes) == before:
        if len(_valid) >= ENTRIES:
            del _valid[next(iter(_valid))]
        _valid[digest] = None


def without_warnings(find: Callable[[Obj], list[str]], spec: Obj, *more: Obj) -> list[str]:
    """`find(spec)`, skipped for what it found nothing in before. `more` is what else it looks at."""
    digest = _digest([spec, *more])
    if digest in _harmless:
        return []
    found = find(spec)
    if not found:
        if len(_harmless) >= ENTRIES:
            del _harmless[next(iter(_harmless))]
        _harmless[digest] = None
    return found


def _digest(spec: object) -> bytes:
    text = orjson.dumps(spec)
    names = set(TOKEN_VOLUME.findall(text))
    if len(names) == 1:
        text = text.replace(names.pop(), b"kube-api-access-")
    return hashlib.blake2b(text, digest_size=20).digest()
