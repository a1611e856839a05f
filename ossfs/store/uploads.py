"""
Requests to a bucket about objects that are sent in parts.

Threads: every method may be called from any thread.
"""

from collections.abc import Iterable
from itertools import pairwise

from ossfs.errors import InvalidRequest, ObjectTooLarge
from ossfs.extents import Extent
from ossfs.store.answers import crc_of, etag_of
from ossfs.store.api import Body, BytesBody, Headers, Part, PartsPage, Stored, UploadsPage
from ossfs.store.asking import md5_of
from ossfs.store.checks import check_key
from ossfs.store.conversation import STORED, SUCCESS
from ossfs.store.reading import Reading
from ossfs.store.resolving import crc_of_parts

PAGE = 1000


class Uploads(Reading):
    """See `ossfs.store.api.ObjectStore` for the methods."""

    def create_upload(self, key: str, headers: Headers) -> str:
        """Start a multipart upload and return its id."""
        sent = self._of_upload | self._described(key, headers)
        call = self._talk.call("create_upload", "POST", key, query={"uploads": ""}, headers=sent)
        _, body = self._talk.whole(call)
        return self._talk.understood(call, self._codec.upload_id, body)

    def upload_part(self, key: str, upload_id: str, number: int, body: Body) -> Part:
        """Send a part; see `ObjectStore.upload_part`."""
        query = self._part_query(key, upload_id, number)
        if body.size > self._limits.max_part:
            raise ObjectTooLarge(
                f"{body.size} bytes", operation="upload_part", bucket=self.name, key=key
            )
        call = self._talk.call(
            "upload_part", "PUT", key, query=query, headers=self._of_part, body=body
        )
        self._talk.announce(call)
        response, _ = self._talk.whole(call, is_repeatable=True)
        crc = self._talk.check_sent(call, response)
        return Part(number, body.size, etag_of(response.headers), crc, call.sent_checksum)

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
        sent = self._from(source, if_match) | self._of_part
        sent[f"{self._prefix}copy-source-range"] = f"bytes={extent.start}-{extent.stop - 1}"
        call = self._talk.call("copy_part", "PUT", key, query=query, headers=sent)
        response, body = self._talk.whole(call, is_repeatable=True)
        etag = self._etag_in(call, response, body)
        checksum = self._talk.understood(call, self._codec.part_checksum, body)
        return Part(
            number, extent.size, etag, crc_of(response.headers, self._talk.dialect), checksum
        )

    def complete_upload(
        self,
        key: str,
        upload_id: str,
        parts: Iterable[Part],
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """
        Make the parts the object; see `ObjectStore.complete_upload`.

        ChecksumMismatch: the object is there, and is not what the parts' CRCs combine to.
        """
        check_key(key, self._limits)
        listed = list(parts)
        if not listed:  # which some stores take for "all parts"
            raise InvalidRequest("no parts", operation="complete_upload", bucket=self.name, key=key)
        if any(a.number >= b.number for a, b in pairwise(listed)):  # others sort them, or do not
            raise InvalidRequest(
                "parts are not ascending", operation="complete_upload", bucket=self.name, key=key
            )
        written = BytesBody(self._codec.complete(listed))
        sent = {**self._of_complete, "content-type": self._codec.content_type}
        sent["content-md5"] = md5_of(written)
        if forbid_overwrite:
            sent |= self._forbidding(key, can=self._capabilities.forbid_overwrite)
        if if_match is not None:
            sent |= self._matching(key, if_match, can=self._capabilities.conditional_complete)
        query = {"uploadId": upload_id}
        call = self._talk.call(
            "complete_upload", "POST", key, query=query, headers=sent, body=written
        )
        response, body = self._talk.whole(call, success=SUCCESS | {STORED})
        crc, expected = crc_of(response.headers, self._talk.dialect), crc_of_parts(listed)
        if crc is not None and expected not in {None, crc}:
            raise self._talk.mismatch(call, response, expected, crc)
        if self._is_of_callback(call, response):
            return self._after_callback(call, response, body, crc)
        return self._stored(response, crc, self._etag_in(call, response, body))

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
            **self._encoding,
        }
        call = self._talk.call("list_parts", "GET", key, query=query)
        page = self._talk.parsed(call, self._codec.parts_page)
        # rclone heeds no marker: whoever pages through that must not be led round in circles
        return PartsPage([part for part in page.parts if part.number > after], page.next_after)

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
