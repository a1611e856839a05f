"""
What all requests to a bucket share: who is asked, and how headers and keys are worded.

`Asking` is the common part of the classes that `ossfs.store.bucket.Bucket` is made of. What
the dialects word differently comes from `Dialect.words`.

Threads: any; the only state is what a probe has found out.
"""

import base64
import hashlib
from collections.abc import Mapping
from copy import copy
from typing import TypeVar

from ossfs.clock import Clock, SystemClock
from ossfs.store import interrupts
from ossfs.store.addressing import Endpoint
from ossfs.store.answers import etag_of
from ossfs.store.api import (
    NOTHING,
    Body,
    Capabilities,
    Headers,
    Limits,
    Said,
    Stored,
    pieces_of,
)
from ossfs.store.checks import Where, check_headers, check_key, check_part_number, require
from ossfs.store.conversation import STORED, Conversation
from ossfs.store.credentials import CredentialsProvider
from ossfs.store.dialects.base import Call, Dialect, encoded, encoded_path
from ossfs.store.exchange import Response, Transport
from ossfs.store.write_headers import WriteHeaders

T = TypeVar("T", bound="Asking")


class Asking:
    """A bucket of a store that speaks `dialect`; `every_header` goes with every request."""

    def __init__(
        self,
        *,
        transport: Transport,
        dialect: Dialect,
        credentials: CredentialsProvider,
        endpoint: Endpoint,
        name: str,
        write_headers: WriteHeaders | None = None,
        every_header: Mapping[str, str] = NOTHING,
        traffic_limit: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._talk = Conversation(
            transport=transport,
            dialect=dialect,
            credentials=credentials,
            endpoint=endpoint,
            bucket=name,
            every_header=every_header,
            clock=clock or SystemClock(),
        )
        self._copied_from = (name, "")
        self._codec = dialect.codec
        self._words = dialect.words
        self._limits = dialect.limits
        self._capabilities = dialect.capabilities
        self._prefix = dialect.prefix
        self._encoding = {"encoding-type": "url"} if dialect.words.is_encoding_asked else {}
        limit = {f"{self._prefix}traffic-limit": str(traffic_limit)} if traffic_limit else {}
        written = write_headers or WriteHeaders()
        self._of_get = {**dialect.words.of_get, **limit}
        self._of_part = limit
        self._of_put = written.of_put(dialect) | limit
        self._of_upload = written.of_new(dialect) | dict(dialect.checksum.of_upload)
        self._of_append = written.of_new(dialect) | limit
        self._of_copy = written.of_copy(dialect) | limit
        self._of_link = written.of_link(dialect)
        self._of_complete = written.of_complete(dialect)

    def __repr__(self) -> str:
        url = f"{self._talk.dialect.name}://{self.name}"
        return f"{type(self).__name__}({url} at {self._talk.endpoint})"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._talk.bucket

    @property
    def place(self) -> str:
        """Which bucket of which store."""
        return f"{self._talk.dialect.name}://{self.name} at {self._talk.endpoint}"

    def saying(self: T, said: Mapping[str, Said]) -> T:  # noqa: PYI019  # Self needs Python 3.11
        """Return the same bucket, whose requests say more; see `ObjectStore.saying`."""
        more = copy(self)
        more._talk = self._talk.saying(said)  # noqa: SLF001  # a copy of this one
        return more

    def copying_from(self: T, bucket: str, *, version_id: str | None = None) -> T:  # noqa: PYI019  # the same
        """Return the same bucket, whose copies come from another one."""
        other = copy(self)
        version = "" if version_id is None else f"?versionId={encoded(version_id)}"
        other._copied_from = bucket, version  # noqa: SLF001  # a copy of this one
        return other

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do; a bucket that was probed, this bucket."""
        return self._capabilities

    def _where(self, call: Call, status: int) -> Where:
        return {
            "operation": call.operation,
            "bucket": call.bucket,
            "key": call.key,
            "status": status,
        }

    def _described(self, key: str, headers: Headers) -> dict[str, str]:
        """Check key and headers, and return what is sent of the headers."""
        check_key(key, self._limits)
        check_headers(key, headers, self._limits)
        sent = dict(headers.standard)
        if headers.content_type is not None:
            sent["content-type"] = headers.content_type
        for name, value in headers.metadata.items():
            sent[f"{self._prefix}meta-{name.lower()}"] = self._words.metadata_sent(value)
        return sent | self._in_class(headers.storage_class)

    def _in_class(self, storage_class: str) -> dict[str, str]:
        """Return what an object's own class says; it counts more than the bucket's options."""
        return {f"{self._prefix}storage-class": storage_class} if storage_class else {}

    def _forbidding(self, key: str, *, can: bool) -> dict[str, str]:
        require(can, "forbid-overwrite", key)
        name, value = self._words.forbid_overwrite
        return {name: value}

    def _matching(self, key: str, if_match: str, *, can: bool) -> dict[str, str]:
        require(can, "conditional writes", key)
        return {self._words.if_match: f'"{if_match}"'}

    def _from(self, source: str, if_match: str | None) -> dict[str, str]:
        check_key(source, self._limits)
        bucket, version = self._copied_from
        sent = {f"{self._prefix}copy-source": f"/{bucket}/{encoded_path(source)}{version}"}
        if if_match is not None:
            sent[f"{self._prefix}copy-source-if-match"] = f'"{if_match}"'
        return sent

    def _part_query(self, key: str, upload_id: str, number: int) -> dict[str, str]:
        check_key(key, self._limits)
        check_part_number(key, number, self._limits)
        return {"partNumber": str(number), "uploadId": upload_id}

    def _stored(self, response: Response, crc: int | None, etag: str = "") -> Stored:
        version = response.headers.get(f"{self._prefix}version-id")
        return Stored(etag or etag_of(response.headers), crc, version)

    def _etag_in(self, call: Call, response: Response, body: bytes) -> str:
        """Return the ETag of a copy or Complete, which may fail with status 200."""
        error = self._talk.error_in(call, response, body)
        if error is not None:
            raise error
        return etag_of(response.headers) or self._talk.understood(call, self._codec.etag, body)

    def _is_of_callback(self, call: Call, response: Response) -> bool:
        """Say whether the body is an application server's, or about it, not the store's own."""
        return response.status == STORED or f"{self._prefix}callback" in call.headers


def md5_of(body: Body) -> str:
    """Return the Content-MD5 by which the server refuses a body that was bent on its way."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces_of(body):
        interrupts.check()
        digest.update(piece)
    return base64.b64encode(digest.digest()).decode()
