"""
Answers on their way out: small ones in one write, files by sendfile.

The failures that concern the answer's bytes (truncate, stall, corrupt, a closed
connection) happen here.
"""

import asyncio
import os
from collections.abc import Iterator

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from ossfs.emulator.body import flipped
from ossfs.emulator.exchange import Answer
from ossfs.emulator.faults import Rule
from ossfs.emulator.files import Files, Segment

_PIECE = 1 << 20


class Dropped(web.StreamResponse):
    """No answer: the connection is closed at once (the client sees a reset)."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Close the connection instead of writing headers."""
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("dropped on demand")


async def send(
    request: web.BaseRequest, answer: Answer, files: Files, rule: Rule | None
) -> web.StreamResponse:
    """Send what has to be streamed; return the response for aiohttp to finish."""
    if rule is not None and request.method != "HEAD":
        return await _send_damaged(request, answer, files, rule)
    if not answer.segments:
        return _closing(
            web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        )
    response = _closing(web.StreamResponse(status=answer.status, headers=answer.headers))
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    for segment in answer.segments:
        if request.transport is None:
            raise ConnectionResetError("the client went away")
        with os.fdopen(files.open(segment.blob), "rb", buffering=0) as file:
            await loop.sendfile(request.transport, file, segment.offset, segment.size)
    await response.write_eof()
    return response


def _closing(response: web.StreamResponse) -> web.StreamResponse:
    if response.headers.get("Connection") == "close":
        response.force_close()
    return response


async def _send_damaged(
    request: web.BaseRequest, answer: Answer, files: Files, rule: Rule
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    size = len(answer.body) + sum(segment.size for segment in answer.segments)
    response.content_length = size
    await response.prepare(request)
    corrupt_at = rule.corrupt_at(size) if rule.action == "corrupt" else -1
    left = size
    if rule.action in ("truncate", "stall"):
        left = min(size, size // 2 if rule.bytes is None else rule.bytes)
    at = 0
    for piece in _pieces(answer, files):
        await response.write(flipped(piece, corrupt_at - at)[:left])
        at += len(piece)
        left -= min(left, len(piece))
    if rule.action == "corrupt":
        await response.write_eof()
        return response
    if rule.action == "stall":
        await asyncio.sleep(rule.seconds)
    if request.transport is not None:
        request.transport.close()  # after what was written
    return response


def _pieces(answer: Answer, files: Files) -> Iterator[bytes]:
    if answer.body:
        yield answer.body
    for blob, offset, size in answer.segments:
        for start in range(0, size, _PIECE):
            yield files.read([Segment(blob, offset + start, min(_PIECE, size - start))])
