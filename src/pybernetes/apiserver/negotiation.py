"""Which of the forms that we can write the client wants: media type, table or partial metadata, pretty or compact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pybernetes.api.errors import NotAcceptable

Shape = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]
META_GROUP = "meta.k8s.io"
PROTOBUF = "application/vnd.kubernetes.protobuf"
_SUPPORTED = ("application/json", "application/yaml", PROTOBUF)
_JSON_RANGES = ("application/json", "application/*", "*/*")
_SHAPES: tuple[Shape, ...] = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written. `version` is that of the meta.k8s.io shapes."""

    yaml: bool = False
    shape: Shape = ""
    version: str = "v1"
    protobuf: bool = False

    @property
    def content_type(self) -> str:
        if self.protobuf:
            return PROTOBUF
        return "application/yaml" if self.yaml else "application/json"


PLAIN = Form()
BINARY = Form(protobuf=True)


@lru_cache(maxsize=256)
def negotiate(accept: str, protobuf: bool = False, *, table: bool = True) -> Form:
    """The first form in the header's order of preference that we can write. Raises NotAcceptable.

    `protobuf` and `table` say whether what is asked for has a protobuf form and a table. Equal preferences go from the special to the
    general (`*/*` last), then in the order of the header.
    """
    if not accept:
        return PLAIN
    for range_ in sorted(_ranges(accept), key=_preference):
        form = _form(*range_[0], protobuf) if range_[1] > 0 else None
        if form is not None and (table or form.shape != "Table"):
            return form
    raise NotAcceptable(
        f"only the following media types are accepted: {', '.join(_SUPPORTED[: 2 + protobuf])}"
    )


def _preference(range_: tuple[tuple[str, dict[str, str]], float]) -> tuple[float, bool, bool]:
    (media, _), quality = range_
    return -quality, media.startswith("*"), media.endswith("*")


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


def _form(media: str, parameters: dict[str, str], protobuf: bool) -> Form | None:
    yaml, binary = media == "application/yaml", media == PROTOBUF
    if not yaml and media not in _JSON_RANGES and not (binary and protobuf):
        return None
    shape, version = parameters.get("as", ""), parameters.get("v", "v1")
    if not shape:
        plain = Form(yaml=True) if yaml else BINARY if binary else PLAIN
        return plain if parameters.get("stream") in (None, "watch") else None
    for known in _SHAPES:
        if shape == known and parameters.get("g") == META_GROUP and version in ("v1", "v1beta1"):
            # A Table holds cells of any type, which no message can.
            return None if binary and known == "Table" else Form(yaml, known, version, binary)
    return None
