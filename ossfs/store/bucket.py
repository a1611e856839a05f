"""
One bucket over HTTP: each method of `ObjectStore` is one request.

`Bucket` knows what is asked and what a right answer is; how a dialect words it is in the
`Dialect`, how it is sent in `conversation` and `transport`. Nothing is believed that can be
checked. Nothing is retried; that is `ossfs.store.retrying`'s work.

Its methods come by what they are about: `reading`, `uploads` (objects in parts), `special`
(what not every store has), and here what makes, copies and deletes whole objects.

Four methods may send another number of requests than one: a batch delete leaves out keys
that its XML cannot hold and deletes these one by one, an empty list of keys sends none, and
where an answer after a callback names no ETag, HEAD is asked for it.

Threads: every method may be called from any thread.
"""

from collections.abc import Sequence

from ossfs.errors import InvalidRequest, ObjectTooLarge
from ossfs.store.answers import crc_of
from ossfs.store.api import Body, BytesBody, DeleteFailure, Headers, Stored
from ossfs.store.asking import md5_of
from ossfs.store.checks import check_key, require
from ossfs.store.conversation import STORED, SUCCESS
from ossfs.store.special import Special
from ossfs.store.uploads import Uploads


class Bucket(Uploads, Special):
    """A bucket of a store that speaks a dialect; see `ossfs.store.api.ObjectStore`."""

    def put(
        self,
        key: str,
        body: Body,
        headers: Headers,
        *,
        forbid_overwrite: bool = False,
        if_match: str | None = None,
    ) -> Stored:
        """Make `body` the object; see `ObjectStore.put`."""
        sent = self._of_put | self._described(key, headers)
        if forbid_overwrite:
            sent |= self._forbidding(key, can=self._capabilities.forbid_overwrite)
        if if_match is not None:
            sent |= self._matching(key, if_match, can=self._capabilities.conditional_put)
        if body.size > self._limits.max_put:
            raise ObjectTooLarge(f"{body.size} bytes", operation="put", bucket=self.name, key=key)
        call = self._talk.call("put", "PUT", key, headers=sent, body=body)
        self._talk.announce(call)
        is_plain = not forbid_overwrite and if_match is None
        response, answer = self._talk.whole(
            call, is_repeatable=is_plain, success=SUCCESS | {STORED}
        )
        crc = self._talk.check_sent(call, response)
        if self._is_of_callback(call, response):
            return self._after_callback(call, response, answer, crc)
        return self._stored(response, crc)

    def copy(
        self,
        source: str,
        key: str,
        *,
        if_match: str | None = None,
        headers: Headers | None = None,
        storage_class: str = "",
        forbid_overwrite: bool = False,
    ) -> Stored:
        """Copy an object inside the bucket; see `ObjectStore.copy`."""
        is_onto_itself = source == key and self._copied_from == (self.name, "")
        if is_onto_itself and headers is None:
            raise InvalidRequest("a copy to itself needs headers", bucket=self.name, key=key)
        sent = self._from(source, if_match) | self._of_copy
        sent |= self._described(key, headers or Headers(storage_class=storage_class))
        if forbid_overwrite:
            sent |= self._forbidding(key, can=self._capabilities.forbid_overwrite_copy)
        if headers is not None:
            sent[f"{self._prefix}metadata-directive"] = "REPLACE"
        call = self._talk.call("copy", "PUT", key, headers=sent)
        response, body = self._talk.whole(call, is_repeatable=not forbid_overwrite)
        etag = self._etag_in(call, response, body)
        return self._stored(response, crc_of(response.headers, self._talk.dialect), etag)

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
            query={"delete": "", **self._encoding},
            headers={"content-md5": md5_of(body), "content-type": self._codec.content_type},
            body=body,
        )
        return self._talk.parsed(call, lambda answer: self._codec.deleted(keys, answer))
