"""Names of container images, as far as the API looks into them."""

from __future__ import annotations

import re

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d+)?"
)
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>@[\w+.-]+:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


def tag_of(image: str) -> str:
    """The tag: `latest` where neither tag nor digest is given; "" with a digest alone, or where this is no reference."""
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return ""
    return match["tag"] or ("" if match["digest"] else "latest")


def default_pull_policy(image: str) -> str:
    """`Always` for a tag that moves (`:latest`, given or meant), else `IfNotPresent`."""
    return "Always" if tag_of(image) == "latest" else "IfNotPresent"
