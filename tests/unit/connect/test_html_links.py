"""Links in pages that pass through the proxy: which are found, how they are written, and that all else stays as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.apiserver.connect.htmllinks import LONGEST_TAG, LinkRewriter


def below(url: str) -> str:
    return f"/p{url}" if url.startswith("/") else url


def rewritten(page: bytes, chunk: int = 1 << 20) -> bytes:
    rewriter = LinkRewriter(below)
    parts = [rewriter.feed(page[at : at + chunk]) for at in range(0, len(page), chunk)]
    return b"".join([*parts, rewriter.close()])


PAGES: dict[str, tuple[str, str]] = {
    "a link": ('<a href="/x">y</a>', '<a href="/p/x">y</a>'),
    "single quotes, none": ("<a href='/x'><a href=/x><a href = /x >", "<a href='/p/x'><a href=\"/p/x\"><a href = \"/p/x\" >"),
    "case does not matter": ('<A CLASS=b HREF="/x">', '<A CLASS=b HREF="/p/x">'),
    "several of one tag": ('<img src="/a" alt="/b" longdesc="/c"/>', '<img src="/p/a" alt="/b" longdesc="/p/c"/>'),
    "only attributes that are URLs": ('<div href="/x"><a title="/x" data-href="/x">', '<div href="/x"><a title="/x" data-href="/x">'),
    "relative, elsewhere": ('<a href="x"><a href="http://h/x"><a href="#f"><a href>', '<a href="x"><a href="http://h/x"><a href="#f"><a href>'),
    "references": ('<a href="&#x2F;x?a=1&amp;b=2&copy=3&lt">', '<a href="/p/x?a=1&amp;b=2&amp;copy=3&lt;">'),
    "quotes hold angles": ('<a title="<a href=/x>" href="/y">', '<a title="<a href=/x>" href="/p/y">'),
    "comments": ('<!-- <a href="/x"> --><a href="/y"><!--><a href="/z">', '<!-- <a href="/x"> --><a href="/p/y"><!--><a href="/p/z">'),
    "scripts": ('<script src="/s">if (a<b) f("<a href=\'/x\'>")</script><a href="/y">', '<script src="/p/s">if (a<b) f("<a href=\'/x\'>")</script><a href="/p/y">'),
    "text elements": ('<title><a href="/x"></title><textarea><a href="/x"></TEXTAREA ><a href="/y">', '<title><a href="/x"></title><textarea><a href="/x"></TEXTAREA ><a href="/p/y">'),
    "no element of that name": ("<style><a href=/x></styles></style><a href=/y>", "<style><a href=/x></styles></style><a href=\"/p/y\">"),
    "doctype and the like": ('<!DOCTYPE html><?xml "a"?></ b><html manifest="/m">', '<!DOCTYPE html><?xml "a"?></ b><html manifest="/p/m">'),
    "no tags": ("a < b && c > d <3 <<a href=/x>", "a < b && c > d <3 <<a href=\"/p/x\">"),
    "strange attributes": ('<a =b / href="/x"/ "q" c=\'\'>', '<a =b / href="/p/x"/ "q" c=\'\'>'),
    "cut off": ('<a href="/x">y<a href="/z', '<a href="/p/x">y<a href="/z'),
}  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_pages(page: str, expected: str, chunk: int) -> None:
    assert rewritten(page.encode(), chunk).decode() == expected


def test_bytes_that_are_no_text_stay() -> None:
    assert (
        rewritten(b'\xff<a href="/\xe4?\xc3\xa4" x=\xfe>\x00')
        == b'\xff<a href="/p/\xe4?\xc3\xa4" x=\xfe>\x00'
    )


def test_a_tag_that_is_too_long_passes() -> None:
    long = b'<img alt="' + b"x" * (2 * LONGEST_TAG)
    page = long + b'" src="/a"><img src="/b">'
    assert rewritten(page, 1 << 16) == long + b'" src="/a"><img src="/p/b">'


PIECES = st.sampled_from(
    ["<", ">", "a", "/", " ", "=", '"', "'", "!", "--", "-", "<a href=", "/x", "script", "</", "&", ";"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40), st.integers(1, 7))
def test_it_does_not_matter_where_a_page_is_cut(pieces: list[str], chunk: int) -> None:
    page = "".join(pieces).encode()
    assert rewritten(page, chunk) == rewritten(page)
    same = LinkRewriter(lambda url: url)
    assert same.feed(page) + same.close() == page


@pytest.mark.parametrize(
    "piece", ["<a ", "<!--", "</a ", "<a x='", "<?", "<script>", "<a x=", "<a/", "<![", "<"]
)
def test_hostile_pages_take_no_time(piece: str) -> None:
    page = piece.encode() * (200_000 // len(piece))
    began = time.process_time()
    assert rewritten(page, 1000) == page
    assert time.process_time() - began < 5.0
