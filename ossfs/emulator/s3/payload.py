"""
The body of an S3 request: taken out of its pieces, and checked against what was announced.

A body may be plain or in `aws-chunked` coding: pieces with their sizes, each signed or
not, and headers behind the last one. Whatever was announced about it is verified when its
last byte was read, before anything is stored: its SHA-256, the signatures of its pieces,
its checksums, its decoded length.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256

from ossfs.emulator import checksums
from ossfs.emulator.body import collected
from ossfs.emulator.exchange import Body, Call
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.v4 import UNSIGNED, Signed

_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING = (_SIGNED, _SIGNED_TRAILER, _UNSIGNED_TRAILER)

_HEADER = "x-amz-checksum-"
_QUICK = 16 * 1024
"""Bytes that are summed sooner than another thread has begun to."""

_MAX_LINE = 16 * 1024
_EMPTY = sha256().hexdigest()


def checked(call: Call, hashed: str, signed: Signed | None) -> Body:
    """
    Return the call's body, decoded, that verifies what the headers announce about it.

    `hashed` is what `x-amz-content-sha256` says. Refused at once when headers contradict
    each other, or an empty body is not what was announced; else when the body was read.
    """
    if hashed in STREAMING:
        if hashed != _UNSIGNED_TRAILER and signed is None:
            raise invalid("x-amz-content-sha256", hashed)
        return _Checked(call, _Pieces(call, hashed, signed), "")
    body = _Checked(call, _Whole(call.body), "" if hashed == UNSIGNED else hashed)
    if call.body.length == 0:
        body.finish({})
    return body


class _Whole:
    """A body in no coding."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.length = body.length
        self.announced = body.announced and body.length is not None
        self.trailers: dict[str, str] = {}

    def chunks(self) -> AsyncIterator[bytes]:
        return self._body.chunks()


class _Checked:
    """A body, decoded by `source`, that computes and compares sums as it is read."""

    def __init__(self, call: Call, source: "_Whole | _Pieces", hashed: str) -> None:
        self._call = call
        self._source = source
        self._hashed = hashed
        self._sha256 = sha256()
        self._size = 0
        self._trailer = call.headers.get("x-amz-trailer", "").strip().lower()
        self._expected = {
            name: call.headers[_HEADER + name]
            for name in checksums.ALGORITHMS
            if _HEADER + name in call.headers
        }
        for name, value in self._expected.items():
            # Of Complete's answer-to-be; of a body it is not, and not checked as one.
            if "uploadId" not in call.query or "partNumber" in call.query:
                checksums.decoded(name, value)
        names = [*self._expected]
        if self._trailer.startswith(_HEADER):
            names.append(self._trailer.removeprefix(_HEADER))
        self._check_names(names)
        self._running = {name: checksums.running(name) for name in names}

    @property
    def length(self) -> int | None:
        """Decoded bytes; None for a coded body without any, which has to be read all the same."""
        return self._source.length

    @property
    def announced(self) -> bool:
        """Whether the decoded length was said."""
        return self._source.announced

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield decoded bytes; Refused at the end when something announced is not so."""
        async for chunk in self._source.chunks():
            self._size += len(chunk)
            if len(chunk) > _QUICK:
                await asyncio.to_thread(self._update, chunk)
            else:
                self._update(chunk)
            yield chunk
        self.finish(self._source.trailers)

    def _update(self, chunk: bytes) -> None:
        if self._hashed:
            self._sha256.update(chunk)
        for running in self._running.values():
            running.update(chunk)

    async def read(self, limit: int) -> bytes:
        """Return all of it; Refused (EntityTooLarge) when it is longer than `limit`."""
        return b"" if self.length == 0 else await collected(self.chunks(), limit)

    def finish(self, trailers: Mapping[str, str]) -> None:
        """Compare; leave the checksums with the call."""
        if self._hashed and self._sha256.hexdigest() != self._hashed:
            raise Refused(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=self._hashed,
                S3ComputedContentSHA256=self._sha256.hexdigest(),
            )
        if self._trailer and self._trailer not in trailers:
            raise Refused("MalformedTrailerError", "The trailer that was announced is missing.")
        if "uploadId" in self._call.query and "partNumber" not in self._call.query:
            return  # Complete: the header is about the object, not about this body
        for name, running in self._running.items():
            expected = self._expected.get(name) or trailers[_HEADER + name]
            if checksums.decoded(name, expected) != running.digest():
                raise Refused(
                    "BadDigest",
                    f"The {name.upper()} you specified did not match the calculated checksum.",
                )
            self._call.sums[name] = expected

    def _check_names(self, names: list[str]) -> None:
        unknown = [name for name in names if name not in checksums.ALGORITHMS]
        if unknown or len(names) > 1:
            raise Refused(
                "InvalidRequest", "Expecting a single x-amz-checksum- header of a known algorithm."
            )
        named = self._call.headers.get("x-amz-sdk-checksum-algorithm", "").lower()
        if named and not names and self._call.method in ("PUT", "POST"):
            raise Refused(
                "InvalidRequest",
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* "
                "or x-amz-trailer headers were found.",
            )
        if named and names and named != names[0]:
            raise Refused("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm is invalid.")


class _Pieces:
    """A body in aws-chunked coding."""

    def __init__(self, call: Call, kind: str, signed: Signed | None) -> None:
        text = call.headers.get("x-amz-decoded-content-length", "")
        if not (text.isascii() and text.isdecimal()):
            raise Refused("MissingContentLength")
        self._expected = int(text)
        # With nothing inside there are still the last piece and the trailers to verify.
        self.length = self._expected or None
        self.announced = True
        self.trailers: dict[str, str] = {}
        self._has_trailers = kind != _SIGNED
        self._signed = None if kind == _UNSIGNED_TRAILER else signed
        self._previous = signed.signature if signed else ""
        self._raw = call.body.chunks()
        self._buffer = b""

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the pieces; Refused when one's signature is wrong."""
        size = -1
        total = 0
        while size:
            size, signature = _head(await self._line())
            hashed = sha256()
            left = size
            while left:
                chunk = await self._some(left)
                left -= len(chunk)
                total += len(chunk)
                if self._signed:
                    hashed.update(chunk)
                yield chunk
            if size and await self._line():
                raise _malformed()
            self._check(signature, f"{_EMPTY}\n{hashed.hexdigest()}", "PAYLOAD")
        if total != self._expected:
            raise Refused("IncompleteBody", "The decoded length is not what was announced.")
        await self._end()

    async def _end(self) -> None:
        lines = []
        while line := await self._line():
            lines.append(line)
        signature = ""
        for line in lines:
            name, _, value = line.decode("latin-1").partition(":")
            if name.strip().lower() == "x-amz-trailer-signature":
                signature = value.strip()
            else:
                self.trailers[name.strip().lower()] = value.strip()
        if self._has_trailers and self._signed:
            text = "".join(f"{name}:{value}\n" for name, value in sorted(self.trailers.items()))
            self._check(signature, sha256(text.encode("latin-1")).hexdigest(), "TRAILER")

    def _check(self, signature: str, hashes: str, about: str) -> None:
        signed = self._signed
        if signed is None:
            return
        kind = f"{signed.algorithm}-{about}"
        text = f"{kind}\n{signed.stamp}\n{signed.scope}\n{self._previous}\n{hashes}"
        mine = hmac.digest(signed.key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(mine.encode(), signature.encode()):
            raise Refused(
                "SignatureDoesNotMatch",
                "The signature of a piece of the body does not match.",
                StringToSign=text,
                SignatureProvided=signature,
            )
        self._previous = signature

    async def _more(self) -> None:
        chunk = await anext(self._raw, b"")
        if not chunk:
            raise Refused("IncompleteBody", "The body ended inside its coding.")
        self._buffer += chunk

    async def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                raise _malformed()
            await self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    async def _some(self, most: int) -> bytes:
        if not self._buffer:
            await self._more()
        chunk, self._buffer = self._buffer[:most], self._buffer[most:]
        return chunk


def _head(line: bytes) -> tuple[int, str]:
    """Return size and signature of a piece."""
    size, _, extension = line.decode("latin-1").partition(";")
    name, _, signature = extension.partition("=")
    try:
        number = int(size, 16)
    except ValueError:
        raise _malformed() from None
    if number < 0:
        raise _malformed()
    return number, signature if name.strip() == "chunk-signature" else ""


def _malformed() -> Refused:
    return Refused("InvalidRequest", "The body is not in aws-chunked coding.")
