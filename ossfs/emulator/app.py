"""
The HTTP server: one request from the socket to the answer.

It decodes the request, asks the dialect what it is and who sent it, lets injected faults
have their way, calls the operation, and sends the answer. Everything runs in one event
loop; what would hold it up (large bodies) is in threads.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from ossfs.clock import Clock, SystemClock
from ossfs.emulator import sending
from ossfs.emulator.addresses import resolve
from ossfs.emulator.body import RequestBody
from ossfs.emulator.control import PREFIX, Control, OffsetClock
from ossfs.emulator.dialects import OSS, Dialect, dialect_of
from ossfs.emulator.dispatch import Operation, check_access
from ossfs.emulator.exchange import Answer, Call, parsed_path, parsed_query, split_target
from ossfs.emulator.faults import Rule
from ossfs.emulator.objects import SECOND
from ossfs.emulator.refusals import Refused
from ossfs.emulator.service import Service, open_service
from ossfs.emulator.settings import Settings
from ossfs.emulator.times import http
from ossfs.emulator.words import Words

_log = logging.getLogger("ossfs.emulator")

_MAX_HEADER = 64 * 1024
"""Bytes of one header or the request line: 8 KB of metadata may be one value."""

_READ_BUFFER = 512 * 1024
_TAKES_BYTES = frozenset({"PutObject", "UploadPart", "AppendObject"})
_LAST_WORDS_S = 1.0
"""How long requests under way may take when the server stops."""


class App:
    """The handler of every request."""

    def __init__(self, service: Service, control: Control) -> None:
        self._service = service
        self._control = control

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        began = time.perf_counter()
        turn = _Turn(request)
        try:
            answer = await self._answer(turn)
        except Refused as error:
            answer = self._refusal(turn, error)
        except Exception:  # noqa: BLE001  # logged, and answered as the service would
            _log.exception("%s %s failed", request.method, request.path_qs)
            answer = self._refusal(turn, Refused("InternalError", "An internal error happened."))
        if answer is None:
            return sending.Dropped()
        words = turn.dialect.words
        answer.headers |= {
            "Server": words.server,
            "Date": http(self._service.clock.now_ns() // SECOND),
            words.header("request-id"): turn.request_id,
        }
        if turn.dialect is OSS:
            took_ms = int((time.perf_counter() - began) * 1000)
            answer.headers["x-oss-server-time"] = str(took_ms)
        else:
            answer.headers[words.header("id-2")] = turn.request_id.lower()
        # A client that still waits for "100 Continue" may send its body or not.
        last = turn.body.awaits_continue or not request.keep_alive
        answer.headers["Connection"] = "close" if last else "keep-alive"
        return await self._sent(turn, answer)

    async def _answer(self, turn: "_Turn") -> Answer | None:
        """Return the answer; None: close the connection without one."""
        call = self._call(turn)
        if self._service.settings.admin and call.path.startswith(PREFIX):
            return await self._control.answer(call)
        operation = turn.dialect.table.operation_of(call)
        turn.name = operation.name
        turn.body.counters = self._control.stats.of(operation.name)
        turn.body.counters.requests += 1
        turn.dialect.verify(call, self._service.settings, self._service.clock.now_ns() / SECOND)
        check_access(self._service, call, operation)
        if self._control.latency_s:
            await asyncio.sleep(self._control.latency_s)
        rule = self._control.faults.take(operation.name, call.key)
        if rule is None:
            return await operation.handler(self._service, call)
        return await self._faulty(turn, operation, call, rule)

    async def _faulty(
        self, turn: "_Turn", operation: Operation, call: Call, rule: Rule
    ) -> Answer | None:
        """Apply the operation, or not, as the rule says."""
        action = rule.action
        if action == "error":
            raise _injected(rule)
        if action == "delay" or (action == "stall" and rule.bytes is None):
            await asyncio.sleep(rule.seconds)
        if action == "drop_before" or (action == "stall" and rule.bytes is None):
            return None
        if action == "corrupt" and operation.name in _TAKES_BYTES:
            turn.body.corrupt_at = rule.corrupt_at(turn.body.length or 0)
        elif action in ("corrupt", "truncate", "stall"):
            turn.damage = rule
        answer = await operation.handler(self._service, call)
        if action in ("drop_after", "error_after"):
            _released(answer)
        if action == "error_after":
            raise _injected(rule)
        return None if action == "drop_after" else answer

    def _call(self, turn: "_Turn") -> Call:
        """Decode the request."""
        request = turn.request
        authority, raw_path, raw_query = split_target(turn.target)
        host = authority or request.headers.get("Host", "")
        parameters = parsed_query(raw_query)
        turn.dialect = dialect_of(request.headers, parameters)
        path = parsed_path(raw_path)
        call = Call(
            method=request.method,
            host=host,
            path=path,
            parameters=parameters,
            headers=request.headers,
            body=turn.body,
            request_id=turn.request_id,
            words=turn.dialect.words,
        )
        call.bucket, call.key = resolve(host, path, self._service.settings)
        check_key(call.key, call.words)
        return call

    def _refusal(self, turn: "_Turn", error: Refused) -> Answer:
        counters = self._control.stats.of(turn.name)
        counters.errors[error.code] += 1
        host = turn.request.headers.get("Host", "")
        return turn.dialect.answer_of(
            error,
            method=turn.request.method,
            host=host,
            request_id=turn.request_id,
            path=split_target(turn.target)[1],
        )

    async def _sent(self, turn: "_Turn", answer: Answer) -> web.StreamResponse:
        request = turn.request
        if request.method != "HEAD":
            turn.body.counters.bytes_out += len(answer.body)
            turn.body.counters.bytes_out += sum(one.size for one in answer.segments)
        try:
            return await sending.send(request, answer, self._service.storage.files, turn.damage)
        except ConnectionError:
            return sending.Dropped()  # the client went away
        finally:
            _released(answer)


class _Turn:
    """What is known of one request while it is being answered."""

    def __init__(self, request: web.BaseRequest) -> None:
        self.request = request
        self.request_id = secrets.token_hex(12).upper()
        self.target = request._message.path  # noqa: SLF001  # the target as it was sent; yarl's is normalised
        self.body = RequestBody(request)
        self.name = "Unknown"
        self.damage: Rule | None = None
        self.dialect: Dialect = OSS


def check_key(key: str, words: Words) -> None:
    """Raise Refused (InvalidObjectName) for keys the service does not take."""
    if not key:
        return
    if len(key.encode()) > words.key_bytes or (words.rejects_slash and key[0] in "/\\"):
        raise Refused("InvalidObjectName", Key=key)


def _injected(rule: Rule) -> Refused:
    return Refused(rule.code, rule.message, status=rule.status, headers=rule.headers)


def _released(answer: Answer) -> None:
    if answer.release is not None:
        answer.release()
        answer.release = None


@asynccontextmanager
async def running(
    directory: Path, settings: Settings, clock: Clock | None = None
) -> AsyncIterator[tuple[int, Service]]:
    """
    Serve a directory while the block runs; yield the port and the service.

    OSError when the directory cannot be used or the port is taken.
    """
    offset_clock = OffsetClock(clock or SystemClock())
    service = open_service(directory, settings, offset_clock)
    try:
        server = web.Server(
            App(service, Control(offset_clock, settings.credentials, service.objects)),
            access_log=None,
            auto_decompress=False,  # an object with Content-Encoding is stored as it comes
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            read_bufsize=_READ_BUFFER,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_LAST_WORDS_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            await site.start()
            yield runner.addresses[0][1], service
        finally:
            await runner.cleanup()
    finally:
        service.storage.close()
