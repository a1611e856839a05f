"""
Requests that not every store has, or not for every object: append, rename, links, archives.

Threads: every method may be called from any thread.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from ossfs.errors import Conflict
from ossfs.store.answers import crc_of, etag_of
from ossfs.store.api import Appended, Body, BytesBody, Headers, Stored
from ossfs.store.asking import Asking, md5_of
from ossfs.store.checks import check_key, require
from ossfs.store.conversation import SUCCESS
from ossfs.store.dialects.base import encoded

ACCEPTED = 202
"""A restore has begun."""


class Special(Asking):
    """See `ossfs.store.api.ObjectStore` for the methods."""

    def put_symlink(self, key: str, target: str, headers: Headers) -> Stored:
        """Make `key` a native symlink to the key `target`. NotSupported."""
        require(self._capabilities.symlinks, "symlinks", key)
        check_key(target, self._limits)
        sent = self._of_link | self._described(key, headers)
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
        sent = self._of_append | self._described(key, headers) | {"content-md5": md5_of(body)}
        query = {"append": "", self._words.append_position: str(position)}
        call = self._talk.call("append", "POST", key, query=query, headers=sent, body=body)
        response, _ = self._talk.whole(call)
        at = response.headers.get(f"{self._prefix}{self._words.next_position}", "")
        end = self._talk.understood(call, lambda _: int(at), b"")
        if end != position + body.size:
            raise self._talk.fault(call, f"the object ends at {end}, not {position + body.size}")
        crc = crc_of(response.headers, self._talk.dialect)
        if position == 0:
            self._talk.check_sent(call, response)
        return Appended(end, etag_of(response.headers), crc)

    def rename(self, source: str, target: str, *, forbid_overwrite: bool = False) -> None:
        """Give an object another key, in one step; see `ObjectStore.rename`."""
        word = self._words.rename
        require(self._capabilities.rename and word is not None, "rename", source)
        assert word is not None  # noqa: S101  # it was required
        for key in (source, target):
            check_key(key, self._limits)
        worded = word(self.name, source, target)
        sent = dict(worded.headers)
        if forbid_overwrite:
            name, value = self._words.forbid_overwrite
            sent[name] = value
        call = self._talk.call(
            "rename", worded.method, worded.key, query=worded.query, headers=sent
        )
        self._talk.whole(call)

    def restore(self, key: str, days: int, *, tier: str = "") -> None:
        """Ask for an archived object's bytes for `days`; see `ObjectStore.restore`."""
        check_key(key, self._limits)
        body = BytesBody(self._codec.restore(days, tier))
        call = self._talk.call(
            "restore", "POST", key, query={"restore": ""}, headers=self._about(body), body=body
        )
        try:
            self._talk.whole(call, is_repeatable=True, success=SUCCESS | {ACCEPTED})
        except Conflict as error:
            if error.code != "RestoreAlreadyInProgress":
                raise

    def put_tagging(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its version and times stay. NoSuchKey."""
        check_key(key, self._limits)
        body = BytesBody(self._codec.tagging(tags))
        call = self._talk.call(
            "put_tagging", "PUT", key, query={"tagging": ""}, headers=self._about(body), body=body
        )
        self._talk.whole(call, is_repeatable=True)

    def _about(self, body: Body) -> dict[str, str]:
        return {"content-type": self._codec.content_type, "content-md5": md5_of(body)}
