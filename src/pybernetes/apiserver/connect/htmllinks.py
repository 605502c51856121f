"""Links in HTML that passes by: the URLs in tags are given to a function, everything else stays as it is, byte for byte.

A scanner of its own: each byte is looked at a bounded number of times whatever the page holds, and no more than one tag
is kept back. The standard library's `html.parser` takes minutes for a hostile page of 64 KiB and raises for others, and
whoever runs a pod writes what comes here.

Which attributes of which tags are URLs: upstream's `apimachinery/pkg/util/proxy` (`transport.go`). Pages are read as
UTF-8; bytes that are none stay as they are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from html.entities import html5

URLS: Mapping[bytes, frozenset[bytes]] = {
    tag.encode(): frozenset(names.encode().split())
    for tag, names in (
        ("a", "href"),
        ("applet", "codebase"),
        ("area", "href"),
        ("audio", "src"),
        ("base", "href"),
        ("blockquote", "cite"),
        ("body", "background"),
        ("button", "formaction"),
        ("command", "icon"),
        ("del", "cite"),
        ("embed", "src"),
        ("form", "action"),
        ("frame", "longdesc src"),
        ("head", "profile"),
        ("html", "manifest"),
        ("iframe", "longdesc src"),
        ("img", "longdesc src usemap"),
        ("input", "src usemap formaction"),
        ("ins", "cite"),
        ("link", "href"),
        ("object", "classid codebase data usemap"),
        ("q", "cite"),
        ("script", "src"),
        ("source", "src"),
        ("video", "poster src"),
    )
}
"""Attributes that hold a URL, by tag."""
RAW = frozenset(
    (b"iframe", b"noembed", b"noframes", b"plaintext", b"script", b"style", b"textarea", b"title", b"xmp")
)
"""Elements whose content is text up to their end tag, whatever it looks like."""
LONGEST_TAG = 256 << 10
"""Bytes of a tag that are kept back; what belongs to a longer one goes out as it is."""

_ATTRIBUTE = rb"""[\s/]++(?:[^\s/>="'<][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+)?+"""
_PLAIN = re.compile(
    rb"(?:[^<]++|</[A-Za-z][^>]*+>|<(?!(?:%b)[\s/>])[A-Za-z][^\s/>]*+(?:%b)*+>)++"
    % (b"|".join(sorted({*URLS, *RAW})), _ATTRIBUTE),
    re.IGNORECASE,
)
"""Text, end tags, and start tags that are well-formed and of no interest. Nothing in it is looked at twice."""
_TAG = re.compile(rb"<([A-Za-z][^\s/>]*)")
_GAP = re.compile(rb"[\s/]*")
_NAME = re.compile(rb"=?[^\s/>=]*")
_EQUALS = re.compile(rb"\s*=\s*")
_BARE = re.compile(rb"[^\s>]*")
_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z0-9]+;?)")
_ESCAPED = str.maketrans({"&": "&amp;", "'": "&#39;", "<": "&lt;", ">": "&gt;", '"': "&#34;"})


class LinkRewriter:
    """`feed` and `close` give what may go out by now."""

    def __init__(self, rewrite: Callable[[str], str]) -> None:
        """`rewrite` gives the URL that takes the place of one, itself where that stays."""
        self._rewrite = rewrite
        self._kept = b""
        self._until: re.Pattern[bytes] | None = None
        """The end of what passes as it is: a comment, an element of text."""
        self._overlap = 0
        """How many bytes at the end of the data may be the beginning of that."""
        self._is_inclusive = False
        """Whether the end itself belongs to what passes."""
        self._tag: _Tag | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes of the page."""
        data, out = self._kept + data, list[bytes]()
        at = 0
        while at < len(data):
            before = at
            at = self._pass(data, at, out) if self._until is not None else self._step(data, at, out)
            if at == before:
                break
        self._kept = data[at:]
        return b"".join(out)

    def close(self) -> bytes:
        """The page ends here: what was kept back."""
        kept, self._kept = self._kept, b""
        return kept

    def _pass(self, data: bytes, at: int, out: list[bytes]) -> int:
        """Lets everything pass up to the end that is looked for."""
        assert self._until is not None
        found = self._until.search(data, at)
        if found is None:
            end = max(at, len(data) - self._overlap)
        else:
            end = found.end() if self._is_inclusive else found.start()
            self._until = None
        out.append(data[at:end])
        # An end tag begins where the text ends: without a step here it would be looked for again.
        return end if found is None or self._is_inclusive else self._step(data, end, out)

    def _step(self, data: bytes, at: int, out: list[bytes]) -> int:
        """What is plain up to the next tag, or that tag. How far it came is what it gives: `at` where more must be known."""
        if self._tag is None:
            plain = _PLAIN.match(data, at)
            if plain is not None:
                out.append(plain[0])
                return plain.end()
            if len(data) - at < 4:
                return at
            tag = _TAG.match(data, at)
            if tag is None:
                return self._other(data, at, out)
            if tag.end() == len(data) and len(data) - at <= LONGEST_TAG:
                return at
            self._tag = _Tag(tag[1].lower(), tag.end() - at)
        end = self._tag.scan(data, at)
        if end < 0:
            if len(data) - at <= LONGEST_TAG:
                return at
            self._tag = None
            self._look_for(b">", 0)
            return self._pass(data, at, out)
        out.append(self._tag.rewritten(data[at:end], self._rewrite))
        name, self._tag = self._tag.name, None
        if name in RAW:
            self._look_for(rb"</" + name + rb"(?=[\s/>])", len(name) + 3, inclusive=False)
        return end

    def _other(self, data: bytes, at: int, out: list[bytes]) -> int:
        """What begins like a tag and is no start tag."""
        if data.startswith(b"<!--", at):
            # `<!-->` and `<!--->` are whole comments.
            self._look_for(b"-->|--!>", 3)
            out.append(data[at : at + 2])
            return self._pass(data, at + 2, out)
        if data[at + 1 : at + 2] in (b"!", b"?", b"/"):
            self._look_for(b">", 0)
            return self._pass(data, at, out)
        out.append(b"<")
        return at + 1

    def _look_for(self, end: bytes, overlap: int, *, inclusive: bool = True) -> None:
        self._until = re.compile(end, re.IGNORECASE)
        self._overlap, self._is_inclusive = overlap, inclusive


class _Tag:
    """A start tag in the making: where the next attribute begins (from the beginning of the tag), and where values of
    attributes that are URLs stand."""

    def __init__(self, name: bytes, at: int) -> None:
        self.name = name
        self._at = at
        self._urls: list[tuple[int, int]] = []
        self._wanted = URLS.get(name, frozenset())

    def scan(self, data: bytes, start: int) -> int:
        """The end of the tag that begins at `start`; -1 where it is not there yet."""
        size = len(data)
        while True:
            at = _end(_GAP, data, start + self._at)
            if at == size:
                return -1
            if data[at : at + 1] == b">":
                return at + 1
            end = _end(_NAME, data, at)
            name = data[at:end].lower()
            equals = _EQUALS.match(data, end)
            at = equals.end() if equals is not None else end
            if at == size or (equals is None and _end(_GAP, data, end) == size):
                return -1
            if equals is not None:
                quote = data[at : at + 1]
                if quote in (b'"', b"'"):
                    at += 1
                    end = data.find(quote, at)
                    after = end + 1
                else:
                    end = after = _end(_BARE, data, at)
                if end < 0 or after >= size:
                    return -1
                if name in self._wanted:
                    self._urls.append((at - start, end - start))
                at = after
            self._at = at - start

    def rewritten(self, raw: bytes, rewrite: Callable[[str], str]) -> bytes:
        """The tag with other URLs; `raw` is all of it."""
        for begin, end in reversed(self._urls):
            url = _unescaped(raw[begin:end].decode(errors="surrogateescape"))
            new = rewrite(url)
            if new != url:
                value = new.translate(_ESCAPED).encode(errors="surrogateescape")
                is_bare = raw[begin - 1 : begin] not in (b'"', b"'")
                raw = raw[:begin] + (b'"%b"' % value if is_bare else value) + raw[end:]
        return raw


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    assert found is not None  # they match nothing, too
    return found.end()


def _unescaped(value: str) -> str:
    """The value of an attribute. What has no semicolon is a reference only where nothing goes on: `?a=1&copy=2` has
    none."""

    def replaced(found: re.Match[str]) -> str:
        text = found[0]
        if text.endswith(";") or text[1] == "#":
            return html.unescape(text)
        known = text[1:] in html5 and value[found.end() : found.end() + 1] != "="
        return html5[text[1:]] if known else text

    return _REFERENCE.sub(replaced, value) if "&" in value else value
