"""The body of an HTML page whose links are rewritten on the way, compressed or not."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator

from pybernetes.apiserver.connect.htmllinks import LinkRewriter
from pybernetes.wire.http.messages import Body

CODINGS = {"": 0, "gzip": 31, "deflate": -15}
"""Content codings that can be read, as zlib's window bits (0: none); `deflate` is bare, as upstream reads it."""
PIECE = 64 << 10
"""Bytes of a page that are looked at before others get their turn."""


class RewrittenBody:
    """Closing it, read or not, closes the body that it is made of. Reading raises ConnectionError where that is not in
    the coding that it should be in."""

    def __init__(self, body: Body, coding: str, rewriter: LinkRewriter) -> None:
        """`coding` is one of `CODINGS`."""
        self._body = body
        self._pieces = _rewritten(_unpacked(body, CODINGS[coding]), CODINGS[coding], rewriter)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()
        close = getattr(self._body, "aclose", None)
        if close is not None:
            await close()


async def _rewritten(
    pieces: AsyncGenerator[bytes, None], bits: int, rewriter: LinkRewriter
) -> AsyncGenerator[bytes, None]:
    packer = zlib.compressobj(wbits=bits) if bits else None
    async for piece in pieces:
        data = rewriter.feed(piece)
        if packer is not None:
            data = packer.compress(data)
        if data:
            yield data
        await asyncio.sleep(0)
    data = rewriter.close()
    if packer is not None:
        data = packer.compress(data) + packer.flush()
    if data:
        yield data


async def _unpacked(body: Body, bits: int) -> AsyncGenerator[bytes, None]:
    if not bits:
        async for chunk in _chunks(body):
            for at in range(0, len(chunk), PIECE):
                yield chunk[at : at + PIECE]
        return
    unpacker, is_whole = zlib.decompressobj(bits), True
    async for chunk in _chunks(body):
        while chunk:
            if unpacker.eof:  # gzip may have several parts
                unpacker = zlib.decompressobj(bits)
            try:
                yield unpacker.decompress(chunk, PIECE)
            except zlib.error as error:
                raise ConnectionError(f"the page is not compressed as it says: {error}") from error
            chunk, is_whole = unpacker.unconsumed_tail or unpacker.unused_data, unpacker.eof
    if not is_whole:
        raise ConnectionError("the compressed page ends in the middle")


async def _chunks(body: Body) -> AsyncGenerator[bytes, None]:
    if isinstance(body, bytes):
        yield body
        return
    async for chunk in body:
        yield b"".join(chunk) if isinstance(chunk, list) else chunk
