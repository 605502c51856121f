"""Which of the forms that we can write the client wants: media type, table or partial metadata, pretty or compact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pybernetes.api.errors import NotAcceptable

Shape = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
META_GROUP = "meta.k8s.io"
_SUPPORTED = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_JSON_RANGES = ("application/json", "application/*", "*/*")
_SHAPES: tuple[Shape, ...] = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written. `version` is that of the meta.k8s.io shapes."""

    yaml: bool = False
    shape: Shape = ""
    version: str = "v1"

    @property
    def content_type(self) -> str:
        return "application/yaml" if self.yaml else "application/json"


PLAIN = Form()


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Form:
    """The first form in the header's order of preference that we can write. Raises NotAcceptable."""
    if not accept:
        return PLAIN
    for range_ in sorted(_ranges(accept), key=lambda r: -r[1]):
        form = _form(*range_[0])
        if form is not None:
            return form
    raise NotAcceptable(f"only the following media types are accepted: {', '.join(_SUPPORTED[:2])}")


def _ranges(accept: str) -> list[tuple[tuple[str, dict[str, str]], float]]:
    """Each media range with its parameters, and its quality."""
    found = []
    for part in accept.split(","):
        media, *rest = (piece.strip() for piece in part.split(";"))
        parameters = dict(piece.partition("=")[::2] for piece in rest)
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        found.append(((media.lower(), parameters), quality))
    return found


def _form(media: str, parameters: dict[str, str]) -> Form | None:
    yaml = media == "application/yaml"
    if not yaml and media not in _JSON_RANGES:
        return None
    shape, version = parameters.get("as", ""), parameters.get("v", "v1")
    if not shape:
        plain = Form(yaml=True) if yaml else PLAIN
        return plain if parameters.get("stream") in (None, "watch") else None
    for known in _SHAPES:
        if shape == known and parameters.get("g") == META_GROUP and version in ("v1", "v1beta1"):
            return Form(yaml, known, version)
    return None
