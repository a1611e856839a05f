"""
Requests to one bucket and their answers: addressed, signed, sent, and told apart.

The one repetition here is for what the store finds wrong about who asks and when: a clock
(15 minutes on OSS) is corrected by the answer's Date, credentials that have ended are
renewed, and the request is sent once more. Everything else is left to
`ossfs.store.retrying`.

Threads: any; the only state is the clock's correction, a single number.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from types import MappingProxyType
from typing import TypeVar

from ossfs import __version__
from ossfs.clock import Clock
from ossfs.errors import (
    CallbackFailed,
    ChecksumMismatch,
    ClockSkewed,
    CredentialsExpired,
    InvalidCredentials,
    InvalidName,
    ServerFault,
    ShortBody,
    StoreError,
    Transient,
)
from ossfs.extents import Extent
from ossfs.store import interrupts
from ossfs.store.addressing import Endpoint
from ossfs.store.answers import crc_of, error_of
from ossfs.store.api import Body, CutShort, ObjectInfo, Said, Sink, pieces_of
from ossfs.store.bodies import RECEIVED_AT_ONCE
from ossfs.store.credentials import Credentials, CredentialsProvider
from ossfs.store.dialects.base import Call, Dialect, encoded_path, encoded_query
from ossfs.store.exchange import Request, Response, Transport
from ossfs.store.times import http_time_ns

SUCCESS = frozenset({200, 201, 204, 206})
STORED = 203
"""The object is stored, but the callback that was asked for failed."""

BARE = frozenset({400, 403})
"""With these a HEAD is refused, without a word, for what other requests are told."""

MAX_ANSWER = 64 << 20
"""Bytes of an answer that is not an object: a page of 1000 long names is some 4 MB."""
MAX_ERROR = 256 << 10

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Conversation:
    """What all methods of a bucket share."""

    def __init__(
        self,
        *,
        transport: Transport,
        dialect: Dialect,
        credentials: CredentialsProvider,
        endpoint: Endpoint,
        bucket: str,
        every_header: Mapping[str, str],
        clock: Clock,
        said: Mapping[str, Said] = MappingProxyType({}),
    ) -> None:
        if not _BUCKET_NAME.fullmatch(bucket):
            raise InvalidName(f"not a bucket's name: {bucket!r}", bucket=bucket)
        self.dialect = dialect
        self.bucket = bucket
        self.endpoint = endpoint
        self._transport = transport
        self._credentials = credentials
        self._origin, self._path = endpoint.address(bucket)
        self._every_header = {
            "host": self._origin.authority,
            "user-agent": f"ossfs/{__version__}",
            **every_header,
        }
        self._clock = clock
        self._said = said
        self._skew_s = 0

    def saying(self, said: Mapping[str, Said]) -> "Conversation":
        """Return one whose requests, by the method they are for, say more; see `ObjectStore`."""
        more = copy(self)
        more._said = {**self._said, **said}  # noqa: SLF001  # a copy of this one
        return more

    def call(
        self,
        operation: str,
        method: str,
        key: str = "",
        *,
        query: dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Call:
        """Return a request with what every request carries."""
        merged = {**self._every_header, **headers} if headers else dict(self._every_header)
        if said := self._said.get(operation):
            merged = {**said.headers, **merged}
            query = {**said.query, **(query or {})}
        path = self._path + encoded_path(key)
        return Call(operation, method, self.bucket, key, query or {}, merged, body, path)

    def announce(self, call: Call) -> None:
        """Say beforehand what the body's checksum is, if the store wants it so."""
        checksum = self.dialect.checksum
        if not checksum.is_sent_first or call.body is None:
            return
        value = 0
        for piece in pieces_of(call.body, 256 << 10):
            interrupts.check()
            value = checksum.add(piece, value)
        call.sent_checksum = call.headers[checksum.header] = checksum.written(value)

    def exchange(
        self, call: Call, *, is_repeatable: bool = False, success: frozenset[int] = SUCCESS
    ) -> Response:
        """
        Send the request and return its answer if that is a success, body unread.

        `is_repeatable` says that sending it twice does no harm, so that a connection that
        turns out to be dead is replaced silently. Any StoreError.
        """
        credentials = self._credentials.get()
        response = self._send(call, credentials, is_repeatable)
        if response.status in success:
            return response
        error = self._error(call, response)
        if not (self._has_mended(error, response, credentials)):
            raise error
        response = self._send(call, self._credentials.get(), is_repeatable)
        if response.status in success:
            return response
        raise self._error(call, response)

    def _has_mended(self, error: StoreError, response: Response, used: Credentials) -> bool:
        """
        Set the clock or renew the credentials if these are what the store refused.

        An answer to HEAD tells no code on S3 and TOS: then either may be the reason.
        """
        is_bare = not error.code and error.status in BARE
        if (isinstance(error, ClockSkewed) or is_bare) and self._corrected(response):
            return True
        is_refused = isinstance(error, CredentialsExpired | InvalidCredentials)
        if not (is_refused or is_bare):
            return False
        return self._credentials.invalidate(used, is_certain=is_refused)

    def whole(
        self, call: Call, *, is_repeatable: bool = False, success: frozenset[int] = SUCCESS
    ) -> tuple[Response, bytes]:
        """Do `exchange` and read the whole body, which is not an object's."""
        response = self.exchange(call, is_repeatable=is_repeatable, success=success)
        try:
            return response, response.read(MAX_ANSWER)
        except Transient as error:
            raise self._placed(call, error)  # noqa: B904  # the same error, completed

    def parsed(self, call: Call, read: Callable[[bytes], T]) -> T:
        """Do `whole` for a request that changes nothing and return what `read` makes of it."""
        _, body = self.whole(call, is_repeatable=True)
        return self.understood(call, read, body)

    def understood(self, call: Call, read: Callable[[bytes], T], body: bytes) -> T:
        """Return what `read` makes of a body. ServerFault: nothing."""
        try:
            return read(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The last two: JSON of another shape than the one expected.
            raise self.fault(call, f"unreadable answer: {error}") from error

    def receive(
        self, call: Call, response: Response, info: ObjectInfo, extent: Extent, sink: Sink
    ) -> int:
        """Read the bytes of `extent` into `sink`; return their checksum. CutShort."""
        at = value = 0
        try:
            sink.begins(info, extent)
            for piece in _received(response, extent.size, sink):
                value = self.dialect.checksum.add(piece, value)
                sink.came(len(piece))
                at += len(piece)
        except Transient as error:
            response.discard()
            short = CutShort(
                error.message,
                info=info,
                size=at,
                crc64=self.as_crc64(value),
            )
            raise self._placed(call, short) from error
        except BaseException:
            response.discard()
            raise
        response.finish()
        return value

    def as_crc64(self, checksum: int) -> int | None:
        """Return a sum of bytes if it is a CRC-64/XZ."""
        return None if self.dialect.checksum.crc64_header is None else checksum

    def check_received(self, call: Call, response: Response, value: int) -> None:
        """Compare the checksum of a whole object with what the answer says. ChecksumMismatch."""
        checksum = self.dialect.checksum
        said = response.headers.get(checksum.header)
        theirs = self.understood(call, lambda _: checksum.read(said) if said else None, b"")
        if theirs not in {None, value}:
            raise self.mismatch(call, response, checksum.written(value), said)

    def check_sent(self, call: Call, response: Response) -> int | None:
        """Return the CRC-64 that the store tells of what was sent. ChecksumMismatch."""
        if call.sent_checksum:
            said = response.headers.get(self.dialect.checksum.header)
            if said not in {None, "", call.sent_checksum}:
                raise self.mismatch(call, response, call.sent_checksum, said)
            return None
        crc = self.understood(call, lambda _: crc_of(response.headers, self.dialect), b"")
        if crc is not None and crc != response.sent_crc64:
            raise self.mismatch(call, response, response.sent_crc64, crc)
        return crc

    def mismatch(self, call: Call, response: Response, ours: object, theirs: object) -> StoreError:
        """Return the error for two checksums that should be equal."""
        message = f"checksum here {ours}, at the store {theirs}"
        error = self._placed(call, ChecksumMismatch(message))
        error.request_id = response.headers.get(f"{self.dialect.prefix}request-id", "")
        return error

    def fault(self, call: Call, message: str) -> StoreError:
        """Return the error for an answer that no right server gives."""
        return self._placed(call, ServerFault(message))

    def error_in(self, call: Call, response: Response, body: bytes) -> StoreError | None:
        """Return the error that an answer of status 200 may hold; None: it holds none."""
        if self.dialect.codec.error(body) is None:
            return None
        return error_of(self.dialect, call, response.status, response.headers, body)

    def callback_error(self, call: Call, response: Response, body: bytes) -> CallbackFailed:
        """Return why a callback failed, whose object is stored."""
        told = error_of(self.dialect, call, response.status, response.headers, body)
        return CallbackFailed(
            f"the object is stored, but its callback failed: {told.message or 'nobody says why'}",
            operation=told.operation,
            bucket=told.bucket,
            key=told.key,
            status=told.status,
            code=told.code,
            request_id=told.request_id,
            detail=told.detail,
        )

    def presigned(self, call: Call, valid_s: int) -> str:
        """Return a URL that anybody can send this request with, for that many seconds."""
        # Others would be signed as well, and had to be sent along.
        call.headers = {"host": call.headers["host"]}
        now_s = self._clock.now_ns() // 1_000_000_000 + self._skew_s
        self.dialect.signer.presign(call, self._credentials.get(), now_s, valid_s)
        return f"{self._origin}{call.path}?{encoded_query(call.query)}"

    def _send(self, call: Call, credentials: Credentials, is_repeatable: bool) -> Response:
        if call.body is not None:
            call.headers["content-length"] = str(call.body.size)
        elif call.method in {"PUT", "POST"}:
            call.headers["content-length"] = "0"
        now_s = self._clock.now_ns() // 1_000_000_000 + self._skew_s
        self.dialect.signer.sign(call, credentials, now_s)
        target = f"{call.path}?{encoded_query(call.query)}" if call.query else call.path
        request = Request(self._origin, call.method, target, call.headers, call.body, is_repeatable)
        try:
            return self._transport.send(request)
        except Transient as error:
            raise self._placed(call, error)  # noqa: B904  # the same error, completed

    def _error(self, call: Call, response: Response) -> StoreError:
        try:
            body = b"" if call.method == "HEAD" else response.read(MAX_ERROR)
            if call.method == "HEAD":
                response.finish()
        except Transient:
            body = b""  # the status tells enough
        return error_of(self.dialect, call, response.status, response.headers, body)

    def _corrected(self, response: Response) -> bool:
        """Set our clock by the answer's Date; say whether that made a difference."""
        try:
            theirs = http_time_ns(response.headers["date"]) // 1_000_000_000
        except (KeyError, ValueError):
            return False
        skew = theirs - self._clock.now_ns() // 1_000_000_000
        if abs(skew - self._skew_s) < 60:  # noqa: PLR2004  # a minute: not what the store minds
            return False
        _log.warning("this machine's clock is %d seconds behind the store's; corrected", skew)
        self._skew_s = skew
        return True

    def _placed(self, call: Call, error: Transient) -> Transient:
        error.operation, error.bucket, error.key = call.operation, call.bucket, call.key
        return error


def _received(response: Response, size: int, sink: Sink) -> Iterator[memoryview]:
    """Yield the bytes of a body in the sink's rooms. Unreachable, TimedOut, ShortBody."""
    missing = size
    while missing:
        room = sink.room()[: min(RECEIVED_AT_ONCE, missing)]
        count = response.read_into(room)
        if not count:
            raise ShortBody(f"the body ended after {size - missing} of {size} bytes")
        missing -= count
        yield room[:count]
