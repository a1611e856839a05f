"""The body of a request, out of aiohttp's reader."""

from collections.abc import AsyncIterator

from aiohttp import ClientError, web

from ossfs.emulator.refusals import Refused
from ossfs.emulator.stats import Counters

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestBody:
    """
    Bytes as they come; a client that asked is told to go on when the first is wanted.

    `corrupt_at` is the position of a byte to damage on the way in, or None.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        headers = request.headers
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        self.announced = chunked or "Content-Length" in headers
        self.length = None if chunked else request.content_length or 0
        self.awaits_continue = headers.get("Expect", "").lower() == "100-continue"
        self.corrupt_at: int | None = None
        self.counters = Counters()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come; Refused (IncompleteBody) when they end early."""
        self._go_on()
        content = self._request.content
        at = 0
        while True:
            try:
                chunk = await content.readany()
            except (ClientError, web.RequestPayloadError, ConnectionError) as error:
                raise Refused("IncompleteBody", "The body ended early.") from error
            if not chunk:
                break
            self.counters.bytes_in += len(chunk)
            if self.corrupt_at is not None:
                chunk = flipped(chunk, self.corrupt_at - at)
            at += len(chunk)
            yield chunk
        if self.length is not None and at != self.length:
            raise Refused("IncompleteBody", "The body ended early.")

    async def read(self, limit: int) -> bytes:
        """Return all of it; Refused (EntityTooLarge) when it is longer than `limit`."""
        return b"" if self.length == 0 else await collected(self.chunks(), limit)

    def _go_on(self) -> None:
        if self.awaits_continue and self._request.transport is not None:
            self._request.transport.write(_CONTINUE)
        self.awaits_continue = False


async def collected(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Return all chunks as one; Refused (EntityTooLarge) when they are more than `limit` bytes."""
    pieces = []
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > limit:
            raise Refused("EntityTooLarge", MaxSizeAllowed=str(limit))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def flipped(chunk: bytes, at: int) -> bytes:
    """Return the chunk with the lowest bit of byte `at` inverted, if it has that byte."""
    if not 0 <= at < len(chunk):
        return chunk
    return b"".join((chunk[:at], bytes([chunk[at] ^ 1]), chunk[at + 1 :]))
