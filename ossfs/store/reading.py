"""
Requests to a bucket that change nothing: objects, listings, what the bucket is like.

Nothing is believed that can be checked: lengths, ranges and ETags of answers, and the
checksum of every whole object.

Threads: every method may be called from any thread; two first probes at once both ask.
"""

import logging
from dataclasses import replace

from ossfs.errors import (
    InvalidRequest,
    PreconditionFailed,
    RangeNotSatisfiable,
    StoreError,
    Transient,
)
from ossfs.extents import Extent
from ossfs.store.answers import content_range, described
from ossfs.store.api import BucketFacts, Fetched, ListPage, ObjectInfo, Sink, Stored
from ossfs.store.asking import Asking
from ossfs.store.bodies import Whole
from ossfs.store.checks import check_key
from ossfs.store.conversation import STORED
from ossfs.store.dialects.base import Call, Question
from ossfs.store.exchange import Response
from ossfs.store.times import http_date

PARTIAL = 206
PAGE = 1000

_log = logging.getLogger(__name__)


class Reading(Asking):
    """See `ossfs.store.api.ObjectStore` for the methods."""

    _facts: BucketFacts | None = None

    def get(
        self,
        key: str,
        extent: Extent | None = None,
        *,
        if_match: str | None = None,
        unmodified_since_ns: int | None = None,
        version_id: str | None = None,
        into: Sink | None = None,
    ) -> Fetched:
        """Return the bytes of `extent`, clipped; see `ObjectStore.get`."""
        whole = Whole()
        sink = whole if into is None else into
        if extent is not None and not extent.size:
            info = self._nothing_of(key, if_match, unmodified_since_ns, version_id)
            sink.begins(info, extent)
            return Fetched(info, whole.data, self._talk.as_crc64(0))
        call, response, info, size = self._begun(
            key, extent, if_match, unmodified_since_ns, version_id
        )
        start = 0 if extent is None else extent.start
        checksum = self._talk.receive(call, response, info, Extent(start, start + size), sink)
        if size == info.size:
            self._talk.check_received(call, response, checksum)
        return Fetched(info, whole.data, self._talk.as_crc64(checksum))

    def _begun(
        self,
        key: str,
        extent: Extent | None,
        if_match: str | None,
        unmodified_since_ns: int | None,
        version_id: str | None,
    ) -> tuple[Call, Response, ObjectInfo, int]:
        """Ask for bytes; return with the answer what it is about and how many will come."""
        check_key(key, self._limits)
        headers = dict(self._of_get)
        if extent is not None:
            headers["range"] = f"bytes={extent.start}-{extent.stop - 1}"
            headers |= self._words.of_range
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        if unmodified_since_ns is not None:
            headers["if-unmodified-since"] = http_date(unmodified_since_ns)
        call = self._talk.call("get", "GET", key, query=_version(version_id), headers=headers)
        response = self._talk.exchange(call, is_repeatable=True)
        try:
            info, size = self._announced(call, response, extent)
            self._check_match(call, info, if_match, unmodified_since_ns)
        except StoreError:
            response.discard()
            raise
        return call, response, info, size

    def _nothing_of(
        self,
        key: str,
        if_match: str | None,
        unmodified_since_ns: int | None,
        version_id: str | None,
    ) -> ObjectInfo:
        """Read no bytes, for which HTTP has no range."""
        info = self.head(key, version_id=version_id)
        self._check_match(self._talk.call("get", "GET", key), info, if_match, unmodified_since_ns)
        return info

    def _announced(
        self, call: Call, response: Response, extent: Extent | None
    ) -> tuple[ObjectInfo, int]:
        """Return which object the answer is about and how many bytes of it will come."""
        headers, dialect = response.headers, self._talk.dialect
        try:
            size = int(headers["content-length"])
            is_part = response.status == PARTIAL or "content-range" in headers  # rclone: with 200
            if extent is None or not is_part:
                info = described(call.key, size, headers, dialect)
            else:
                start, stop, total = content_range(headers)
                if (start, stop) != (extent.start, min(extent.stop, total)) or size != stop - start:
                    raise self._talk.fault(call, f"asked for {extent}, got {start} to {stop}")
                return described(call.key, total, headers, dialect), size
        except (KeyError, ValueError) as error:
            raise self._talk.fault(call, f"unreadable answer: {error!r}") from error
        if extent is not None and extent.start >= size:
            raise RangeNotSatisfiable(f"{extent} of {size} bytes", **self._where(call, 416))
        if extent is not None and (extent.start, extent.clip(Extent(0, size)).stop) != (0, size):
            raise InvalidRequest("the store does not heed ranges", **self._where(call, 200))
        return info, size

    def _check_match(
        self,
        call: Call,
        info: ObjectInfo,
        if_match: str | None,
        unmodified_since_ns: int | None,
    ) -> None:
        if unmodified_since_ns is not None and info.modified_ns > unmodified_since_ns:
            raise PreconditionFailed("changed since", **self._where(call, 412))
        if if_match is not None and info.etag != if_match:
            message = f"expected {if_match}, found {info.etag}"
            raise PreconditionFailed(message, **self._where(call, 412))

    def head(self, key: str, *, version_id: str | None = None) -> ObjectInfo:
        """Describe the current version, or the one named. NoSuchKey."""
        check_key(key, self._limits)
        call = self._talk.call(
            "head", "HEAD", key, query=_version(version_id), headers=self._words.of_get
        )
        response, _ = self._talk.whole(call, is_repeatable=True)
        headers = response.headers
        return self._talk.understood(
            call,
            lambda _: described(key, int(headers["content-length"]), headers, self._talk.dialect),
            b"",
        )

    def _after_callback(
        self, call: Call, response: Response, body: bytes, crc: int | None
    ) -> Stored:
        """Return what is stored, and what came of its callback, which changes nothing of that."""
        stored = self._stored(response, crc)
        if not stored.etag:  # the body would have told it
            info = self.head(call.key)
            stored = Stored(info.etag, info.crc64, info.version_id)
        if response.status != STORED:
            return replace(stored, callback_answer=body)
        error = self._talk.callback_error(call, response, body)
        _log.warning("%s", error)
        return replace(stored, callback_error=error)

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        start_after: str = "",
        token: str | None = None,
        max_keys: int = PAGE,
    ) -> ListPage:
        """List keys; see `ObjectStore.list`."""
        if not 1 <= max_keys <= PAGE:
            raise InvalidRequest(f"max_keys {max_keys}", operation="list", bucket=self.name)
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(max_keys)}
        if prefix:
            query["prefix"] = prefix
        if delimiter:
            query["delimiter"] = delimiter
        if token is not None:
            query["continuation-token"] = token
        elif start_after:
            query["start-after"] = start_after
        return self._talk.parsed(self._talk.call("list", "GET", query=query), self._codec.list_page)

    def probe(self) -> BucketFacts:
        """Ask how the bucket was set up; see `ObjectStore.probe`."""
        if self._facts is not None:
            return self._facts
        facts = BucketFacts()
        for question in self._words.questions:
            if not (question.of_flat_only and facts.is_hierarchical):
                facts = self._asked(question, facts)
        self._facts = facts
        self._capabilities = self._words.heed(self._talk.dialect.capabilities, facts)
        return facts

    def _asked(self, question: Question, known: BucketFacts) -> BucketFacts:
        call = self._talk.call("probe", question.method, query=dict(question.query))
        try:
            response, body = self._talk.whole(call, is_repeatable=True)
            return self._talk.understood(
                call, lambda answer: question.read(response.headers, answer, known), body
            )
        except Transient:
            raise
        except StoreError as error:
            _log.info("op=probe the bucket does not say how it was set up: %s", error)
            return known

    def get_tagging(self, key: str) -> dict[str, str]:
        """Return the object's tags. NoSuchKey."""
        check_key(key, self._limits)
        call = self._talk.call("get_tagging", "GET", key, query={"tagging": ""})
        return dict(self._talk.parsed(call, self._codec.tags))

    def presign(self, key: str, valid_s: int, *, method: str = "GET") -> str:
        """Return a URL that anybody can use to get (or PUT …) the object for `valid_s`."""
        check_key(key, self._limits)
        return self._talk.presigned(self._talk.call("presign", method, key), valid_s)


def _version(version_id: str | None) -> dict[str, str]:
    return {} if version_id is None else {"versionId": version_id}
