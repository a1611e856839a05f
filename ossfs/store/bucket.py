"""
One bucket over HTTP: each method of `ObjectStore` is one request.

`Bucket` knows what is asked and what a right answer is; how a dialect words it is in the
`Dialect`, how it is sent in `conversation` and `transport`. Nothing is believed that can be
checked: lengths, ranges and ETags of answers, and the CRC-64 of every body sent and of
every whole object read. Nothing is retried; that is `ossfs.store.retrying`'s work.

Two methods may send another number of requests than one: a batch delete leaves out keys
that its XML cannot hold and deletes these one by one, and an empty list of keys sends none.

Threads: every method may be called from any thread.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from ossfs.clock import Clock, SystemClock
from ossfs.errors import (
    InvalidRequest,
    ObjectTooLarge,
    PreconditionFailed,
    RangeNotSatisfiable,
    StoreError,
)
from ossfs.extents import Extent
from ossfs.store.addressing import Endpoint
from ossfs.store.answers import content_range, crc_of, described, etag_of
from ossfs.store.api import (
    NOTHING,
    Appended,
    Body,
    BytesBody,
    Capabilities,
    DeleteFailure,
    Fetched,
    Headers,
    Limits,
    ListPage,
    ObjectInfo,
    Part,
    PartsPage,
    Stored,
    UploadsPage,
    pieces_of,
)
from ossfs.store.checks import Where, check_headers, check_key, check_part_number, require
from ossfs.store.conversation import Conversation
from ossfs.store.credentials import CredentialsProvider
from ossfs.store.dialects.base import Call, Dialect, encoded, encoded_path
from ossfs.store.resolving import crc_of_parts
from ossfs.store.transport import Response, Transport
from ossfs.store.write_headers import WriteHeaders

PARTIAL = 206
PAGE = 1000


class Bucket:
    """A bucket of a store that speaks `dialect`; see `ossfs.store.api.ObjectStore`."""

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
        self._codec = dialect.codec
        self._limits = dialect.limits
        self._capabilities = dialect.capabilities
        self._prefix = prefix = dialect.prefix
        written = write_headers or WriteHeaders()
        self._of_new = written.of_new(prefix)
        self._of_copy = written.of_copy(prefix)
        self._of_link = written.of_link(prefix)
        self._of_complete = written.of_complete(prefix)

    def __repr__(self) -> str:
        return f"Bucket({self._talk.dialect.name}://{self.name} at {self._talk.endpoint})"

    @property
    def name(self) -> str:
        """The bucket's name, for messages."""
        return self._talk.bucket

    @property
    def limits(self) -> Limits:
        """What the store accepts."""
        return self._limits

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._capabilities

    # Reading

    def get(
        self, key: str, extent: Extent | None = None, *, if_match: str | None = None
    ) -> Fetched:
        """Return the bytes of `extent`, clipped; see `ObjectStore.get`."""
        check_key(key, self._limits)
        if extent is not None and not extent.size:
            return self._nothing_of(key, if_match)
        headers = {}
        if extent is not None:
            headers["range"] = f"bytes={extent.start}-{extent.stop - 1}"
            headers[f"{self._prefix}range-behavior"] = "standard"  # clip, or refuse
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        call = self._talk.call("get", "GET", key, headers=headers)
        response = self._talk.exchange(call, is_repeatable=True)
        try:
            info, size = self._announced(call, response, extent)
            self._check_match(call, info, if_match)
        except StoreError:
            response.discard()
            raise
        data, crc = self._talk.receive(call, response, info, size)
        if size == info.size and info.crc64 not in {None, crc}:
            raise self._talk.mismatch(call, crc, info.crc64 or 0)
        return Fetched(info, data)

    def _nothing_of(self, key: str, if_match: str | None) -> Fetched:
        """Read no bytes, for which HTTP has no range."""
        info = self.head(key)
        self._check_match(self._talk.call("get", "GET", key), info, if_match)
        return Fetched(info, b"")

    def _announced(
        self, call: Call, response: Response, extent: Extent | None
    ) -> tuple[ObjectInfo, int]:
        """Return which object the answer is about and how many bytes of it will come."""
        headers = response.headers
        try:
            size = int(headers["content-length"])
            if extent is None or response.status != PARTIAL:
                info = described(call.key, size, headers, self._prefix)
            else:
                start, stop, total = content_range(headers)
                if (start, stop) != (extent.start, min(extent.stop, total)) or size != stop - start:
                    raise self._talk.fault(call, f"asked for {extent}, got {start} to {stop}")
                return described(call.key, total, headers, self._prefix), size
        except (KeyError, ValueError) as error:
            raise self._talk.fault(call, f"unreadable answer: {error!r}") from error
        if extent is not None and extent.start >= size:
            raise RangeNotSatisfiable(f"{extent} of {size} bytes", **self._where(call, 416))
        if extent is not None and (extent.start, extent.clip(Extent(0, size)).stop) != (0, size):
            raise InvalidRequest("the store does not heed ranges", **self._where(call, 200))
        return info, size

    def _check_match(self, call: Call, info: ObjectInfo, if_match: str | None) -> None:
        if if_match is not None and info.etag != if_match:
            message = f"expected {if_match}, found {info.etag}"
            raise PreconditionFailed(message, **self._where(call, 412))

    def head(self, key: str) -> ObjectInfo:
        """Describe the current version. NoSuchKey."""
        check_key(key, self._limits)
        call = self._talk.call("head", "HEAD", key)
        response, _ = self._talk.whole(call, is_repeatable=True)
        headers = response.headers
        return self._talk.understood(
            call,
            lambda _: described(key, int(headers["content-length"]), headers, self._prefix),
            b"",
        )

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

    # Writing

    def put(
        self, key: str, body: Body, headers: Headers, *, forbid_overwrite: bool = False
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""
        sent = self._new(key, headers, forbid_overwrite=forbid_overwrite)
        if body.size > self._limits.max_put:
            raise ObjectTooLarge(f"{body.size} bytes", operation="put", bucket=self.name, key=key)
        call = self._talk.call("put", "PUT", key, headers=sent, body=body)
        response, _ = self._talk.whole(call, is_repeatable=not forbid_overwrite)
        return self._stored(response, self._talk.check_sent(call, response))

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        forbid_overwrite: bool = False,
    ) -> Stored:
        """Copy an object inside the bucket; see `ObjectStore.copy`."""
        if source == key and headers is None:
            raise InvalidRequest("a copy to itself needs headers", bucket=self.name, key=key)
        sent = self._from(source, if_match) | self._of_copy
        sent |= self._described(key, headers or Headers(), forbid_overwrite=forbid_overwrite)
        if headers is not None:
            sent[f"{self._prefix}metadata-directive"] = "REPLACE"
        call = self._talk.call("copy", "PUT", key, headers=sent)
        response, body = self._talk.whole(call, is_repeatable=not forbid_overwrite)
        etag = self._etag_in(call, response, body)
        return Stored(etag, crc_of(response.headers, self._prefix), self._version(response))

    def delete(self, key: str) -> None:
        """Delete the object; one that is not there is no error."""
        check_key(key, self._limits)
        self._talk.whole(self._talk.call("delete", "DELETE", key), is_repeatable=True)

    def delete_many(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        """Delete up to `limits.max_delete` objects in one request; return what failed."""
        require(self._limits.max_delete, "batch delete", "")
        if len(keys) > self._limits.max_delete:
            raise InvalidRequest(f"{len(keys)} keys at once", bucket=self.name)
        for key in keys:
            check_key(key, self._limits)
        batch = [key for key in keys if self._codec.can_delete(key)]
        for key in keys:
            if not self._codec.can_delete(key):
                self.delete(key)
        return self._delete_batch(batch) if batch else ()

    def _delete_batch(self, keys: Sequence[str]) -> Sequence[DeleteFailure]:
        body = BytesBody(self._codec.delete(keys))
        call = self._talk.call(
            "delete_many",
            "POST",
            query={"delete": "", "encoding-type": "url"},
            headers={"content-md5": _md5(body), "content-type": "application/xml"},
            body=body,
        )
        return self._talk.parsed(call, lambda answer: self._codec.deleted(keys, answer))

    # Objects in parts

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id."""
        call = self._talk.call(
            "create_upload", "POST", key, query={"uploads": ""}, headers=self._new(key, headers)
        )
        _, body = self._talk.whole(call)
        return self._talk.understood(call, self._codec.upload_id, body)

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """Send a part; see `ObjectStore.upload_part`."""
        query = self._part_query(key, upload_id, number)
        if body.size > self._limits.max_part:
            raise ObjectTooLarge(
                f"{body.size} bytes", operation="upload_part", bucket=self.name, key=key
            )
        call = self._talk.call("upload_part", "PUT", key, query=query, body=body)
        response, _ = self._talk.whole(call, is_repeatable=True)
        crc = self._talk.check_sent(call, response)
        return Part(number, body.size, etag_of(response.headers), crc)

    def copy_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        source: str,
        extent: Extent,
        *,
        if_match: str | None = None,
    ) -> Part:
        """Make a range of an object a part; see `ObjectStore.copy_part`."""
        query = self._part_query(key, upload_id, number)
        if not extent.size:
            raise InvalidRequest("an empty range", bucket=self.name, key=key)
        sent = self._from(source, if_match)
        sent[f"{self._prefix}copy-source-range"] = f"bytes={extent.start}-{extent.stop - 1}"
        call = self._talk.call("copy_part", "PUT", key, query=query, headers=sent)
        response, body = self._talk.whole(call, is_repeatable=True)
        etag = self._etag_in(call, response, body)
        return Part(number, extent.size, etag, crc_of(response.headers, self._prefix))

    def complete_upload(
        self, key: str, upload_id: str, parts: Iterable[Part], *, forbid_overwrite: bool = False
    ) -> Stored:
        """
        Make the parts the object; see `ObjectStore.complete_upload`.

        ChecksumMismatch: the object is there, and is not what the parts' CRCs combine to.
        """
        check_key(key, self._limits)
        listed = list(parts)
        xml = BytesBody(self._codec.complete(listed))
        sent = {**self._of_complete, "content-type": "application/xml", "content-md5": _md5(xml)}
        if forbid_overwrite:
            sent |= self._forbidding(key)
        call = self._talk.call(
            "complete_upload",
            "POST",
            key,
            query={"uploadId": upload_id},
            headers=sent,
            body=xml,
        )
        response, body = self._talk.whole(call)
        etag = self._etag_in(call, response, body)
        crc, expected = crc_of(response.headers, self._prefix), crc_of_parts(listed)
        if crc is not None and expected not in {None, crc}:
            raise self._talk.mismatch(call, expected, crc)
        return Stored(etag, crc, self._version(response))

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an upload and its parts. NoSuchUpload."""
        check_key(key, self._limits)
        self._talk.whole(
            self._talk.call("abort_upload", "DELETE", key, query={"uploadId": upload_id})
        )

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> PartsPage:
        """List up to 1000 parts with numbers above `after`. NoSuchUpload."""
        check_key(key, self._limits)
        query = {
            "uploadId": upload_id,
            "max-parts": str(PAGE),
            "part-number-marker": str(after),
            "encoding-type": "url",
        }
        return self._talk.parsed(
            self._talk.call("list_parts", "GET", key, query=query), self._codec.parts_page
        )

    def list_uploads(
        self, prefix: str = "", *, marker: tuple[str, str] | None = None
    ) -> UploadsPage:
        """List up to 1000 uploads of keys that begin with `prefix`; `marker` pages."""
        query = {"uploads": "", "max-uploads": str(PAGE), "encoding-type": "url"}
        if prefix:
            query["prefix"] = prefix
        if marker is not None:
            query["key-marker"], query["upload-id-marker"] = marker
        return self._talk.parsed(
            self._talk.call("list_uploads", "GET", query=query), self._codec.uploads_page
        )

    # Symlinks and appending

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`. NotSupported."""
        require(self._capabilities.symlinks, "symlinks", key)
        check_key(target, self._limits)
        sent = self._described(key, headers) | self._of_link
        sent[f"{self._prefix}symlink-target"] = encoded(target)
        call = self._talk.call("put_symlink", "PUT", key, query={"symlink": ""}, headers=sent)
        response, _ = self._talk.whole(call, is_repeatable=True)
        return self._stored(response, None)

    def get_symlink(self, key: str) -> str:
        """Return the key a native symlink points to. InvalidRequest: not a link."""
        require(self._capabilities.symlinks, "symlinks", key)
        check_key(key, self._limits)
        call = self._talk.call("get_symlink", "GET", key, query={"symlink": ""})
        response, _ = self._talk.whole(call, is_repeatable=True)
        name = f"{self._prefix}symlink-target"
        return self._talk.understood(call, lambda _: unquote(response.headers[name]), b"")

    def append(self, key: str, position: int, body: Body, headers: Headers) -> Appended:
        """Append to an appendable object; see `ObjectStore.append`."""
        require(self._capabilities.append, "append", key)
        # The answer's CRC is the whole object's, and tells too late: what was appended stays.
        sent = self._new(key, headers) | {"content-md5": _md5(body)}
        query = {"append": "", "position": str(position)}
        call = self._talk.call("append", "POST", key, query=query, headers=sent, body=body)
        response, _ = self._talk.whole(call)
        at = response.headers.get(f"{self._prefix}next-append-position", "")
        end = self._talk.understood(call, lambda _: int(at), b"")
        if end != position + body.size:
            raise self._talk.fault(call, f"the object ends at {end}, not {position + body.size}")
        crc = crc_of(response.headers, self._prefix)
        if position == 0:
            self._talk.check_sent(call, response)
        return Appended(end, etag_of(response.headers), crc)

    # Beside `ObjectStore`

    def presign(self, key: str, valid_s: int, *, method: str = "GET") -> str:
        """Return a URL that anybody can use to get (or PUT …) the object for `valid_s`."""
        check_key(key, self._limits)
        return self._talk.presigned(self._talk.call("presign", method, key), valid_s)

    # What the methods share

    def _where(self, call: Call, status: int) -> Where:
        return {
            "operation": call.operation,
            "bucket": call.bucket,
            "key": call.key,
            "status": status,
        }

    def _new(self, key: str, headers: Headers, *, forbid_overwrite: bool = False) -> dict[str, str]:
        return self._described(key, headers, forbid_overwrite=forbid_overwrite) | self._of_new

    def _described(
        self, key: str, headers: Headers, *, forbid_overwrite: bool = False
    ) -> dict[str, str]:
        """Check key and headers, and return what is sent of the headers."""
        check_key(key, self._limits)
        check_headers(key, headers, self._limits)
        sent = self._forbidding(key) if forbid_overwrite else {}
        if headers.content_type is not None:
            sent["content-type"] = headers.content_type
        for name, value in headers.metadata.items():
            sent[f"{self._prefix}meta-{name.lower()}"] = value
        return sent

    def _forbidding(self, key: str) -> dict[str, str]:
        require(self._capabilities.forbid_overwrite, "forbid-overwrite", key)
        return {f"{self._prefix}forbid-overwrite": "true"}

    def _from(self, source: str, if_match: str | None) -> dict[str, str]:
        check_key(source, self._limits)
        sent = {f"{self._prefix}copy-source": f"/{self.name}/{encoded_path(source)}"}
        if if_match is not None:
            sent[f"{self._prefix}copy-source-if-match"] = f'"{if_match}"'
        return sent

    def _part_query(self, key: str, upload_id: str, number: int) -> dict[str, str]:
        check_key(key, self._limits)
        check_part_number(key, number, self._limits)
        return {"partNumber": str(number), "uploadId": upload_id}

    def _stored(self, response: Response, crc: int | None) -> Stored:
        return Stored(etag_of(response.headers), crc, self._version(response))

    def _version(self, response: Response) -> str | None:
        return response.headers.get(f"{self._prefix}version-id")

    def _etag_in(self, call: Call, response: Response, body: bytes) -> str:
        """Return the ETag of a copy or Complete, which may fail with status 200."""
        error = self._talk.error_in(call, response, body)
        if error is not None:
            raise error
        return self._talk.understood(call, self._codec.etag, body) or etag_of(response.headers)


def _md5(body: Body) -> str:
    """Return the Content-MD5 by which the server refuses a body that was bent on its way."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces_of(body):
        digest.update(piece)
    return base64.b64encode(digest.digest()).decode()
