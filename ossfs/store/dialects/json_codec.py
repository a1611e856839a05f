"""
The JSON bodies of TOS.

Names in listings are percent-encoded, as every request asks for (`encoding-type=url`); the
official SDK decodes them even where an answer does not repeat that, and so does this.

Threads: a value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from ossfs.store.api import (
    DeleteFailure,
    ListedObject,
    ListPage,
    Part,
    PartsPage,
    PendingUpload,
    UploadsPage,
)
from ossfs.store.dialects.base import ErrorBody
from ossfs.store.times import iso_time_ns


@dataclass(frozen=True, slots=True)
class JsonCodec:
    """See `ossfs.store.dialects.base.Codec` for the methods."""

    @property
    def content_type(self) -> str:
        """The type of the bodies that are written."""
        return "application/json"

    def error(self, body: bytes) -> ErrorBody | None:
        """Read an object with a `Code`; None: it is none."""
        try:
            said = _read(body)
        except ValueError:
            return None
        code = said.get("Code", "")
        if not isinstance(code, str) or not code:
            return None
        known = {"Code", "Message", "RequestId", "HostId"}
        detail = ", ".join(f"{k}: {v}" for k, v in said.items() if v and k not in known)
        return ErrorBody(code, str(said.get("Message", "")), str(said.get("RequestId", "")), detail)

    def list_page(self, body: bytes) -> ListPage:
        """Read the answer to a listing of version 2."""
        page = _read(body)
        objects = [
            ListedObject(
                unquote_plus(one["Key"]),
                int(one["Size"]),
                _etag(one),
                iso_time_ns(one["LastModified"]),
                one.get("StorageClass", ""),
                one.get("Type", ""),
            )
            for one in _of(page, "Contents")
        ]
        prefixes = [unquote_plus(one["Prefix"]) for one in _of(page, "CommonPrefixes")]
        return ListPage(objects, prefixes, _more(page, "NextContinuationToken"))

    def parts_page(self, body: bytes) -> PartsPage:
        """Read the answer to ListParts."""
        page = _read(body)
        parts = [
            Part(int(one["PartNumber"]), int(one["Size"]), _etag(one), _crc(one))
            for one in _of(page, "Parts")
        ]
        marker = _more(page, "NextPartNumberMarker")
        return PartsPage(parts, None if marker is None else int(marker))

    def uploads_page(self, body: bytes) -> UploadsPage:
        """Read the answer to ListMultipartUploads."""
        page = _read(body)
        uploads = [
            PendingUpload(unquote_plus(one["Key"]), one["UploadId"], iso_time_ns(one["Initiated"]))
            for one in _of(page, "Uploads")
        ]
        key = _more(page, "NextKeyMarker")
        if key is None:
            return UploadsPage(uploads)
        return UploadsPage(uploads, (unquote_plus(key), str(page.get("NextUploadIdMarker", ""))))

    def upload_id(self, body: bytes) -> str:
        """Read the answer to the start of an upload."""
        upload_id = _read(body).get("UploadId")
        if not isinstance(upload_id, str) or not upload_id:
            raise ValueError("an upload without an id")
        return upload_id

    def etag(self, body: bytes) -> str:
        """Read the ETag that a copy or Complete tells; ValueError: none, so it failed."""
        etag = _etag(_read(body))
        if not etag:
            raise ValueError("an answer without an ETag")
        return etag

    def part_checksum(self, body: bytes) -> str:  # noqa: ARG002  # TOS says nothing of it
        """Return that nothing is said of a copied part's bytes."""
        return ""

    def complete(self, parts: Sequence[Part]) -> bytes:
        """Write the parts that become the object."""
        listed = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        return _written({"Parts": listed})

    def delete(self, keys: Sequence[str]) -> bytes:
        """Write keys, asking for an answer about every one."""
        return _written({"Objects": [{"Key": key} for key in keys], "Quiet": False})

    def can_delete(self, key: str) -> bool:  # noqa: ARG002  # the other codec has to look
        """Say that JSON can hold every key."""
        return True

    def deleted(self, keys: Sequence[str], body: bytes) -> Sequence[DeleteFailure]:
        """Read which keys are not named as deleted."""
        answer = _read(body)
        done = {one["Key"] for one in _of(answer, "Deleted")}
        told = {
            one["Key"]: (str(one.get("Code", "")), str(one.get("Message", "")))
            for one in _of(answer, "Error")
        }
        unnamed = ("NotDeleted", "the answer does not name the key")
        return [DeleteFailure(key, *told.get(key, unnamed)) for key in keys if key not in done]

    def restore(self, days: int, tier: str) -> bytes:
        """Write for how long, and how fast, an archived object is to be restored."""
        wanted: dict[str, object] = {"Days": days}
        if tier:
            wanted["RestoreJobParameters"] = {"Tier": tier}
        return _written(wanted)

    def tagging(self, tags: Mapping[str, str]) -> bytes:
        """Write an object's tags."""
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        return _written({"TagSet": {"Tags": listed}})

    def tags(self, body: bytes) -> Mapping[str, str]:
        """Read an object's tags."""
        tag_set = _read(body).get("TagSet") or {}
        return {one["Key"]: one["Value"] for one in _of(tag_set, "Tags")}


def member_of(body: bytes, name: str) -> object:
    """Return a member of the object that is the body; None: it is not there. ValueError."""
    return _read(body).get(name)


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except UnicodeDecodeError as error:
        raise ValueError(f"not JSON: {body[:80]!r}") from error
    if not isinstance(found, dict):
        raise ValueError(f"not a JSON object: {body[:80]!r}")  # noqa: TRY004  # of what was read
    return found


def _of(page: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list, which TOS writes as null when it is empty."""
    return page.get(name) or []


def _etag(one: dict[str, Any]) -> str:
    return str(one.get("ETag", "")).strip('"')


def _crc(one: dict[str, Any]) -> int | None:
    crc = one.get("HashCrc64ecma")
    return int(crc) if crc else None


def _more(page: dict[str, Any], marker: str) -> str | None:
    """Return the marker of the next page; None: this was the last."""
    if not page.get("IsTruncated"):
        return None
    if not page.get(marker):
        raise ValueError("a page that is not the last, without a marker")
    return str(page[marker])


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
