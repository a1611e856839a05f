"""
The XML bodies of OSS and S3.

Names are percent-encoded in listings (`encoding-type=url`), since XML 1.0 cannot hold most
control characters. Where a service writes them all the same, as in an error that quotes a
key, the text is read again with those characters shielded by private ones.

Threads: a value.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

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

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_SHIELDS = {
    code: 0x10F700 + n
    for n, code in enumerate(c for c in (*range(0x20), 0xFFFE, 0xFFFF) if _ILLEGAL.match(chr(c)))
}
"""What stands for an illegal character while the parser runs: private use, plane 16."""
_UNSHIELDS = {shield: code for code, shield in _SHIELDS.items()}


@dataclass(frozen=True, slots=True)
class XmlCodec:
    """See `ossfs.store.dialects.base.Codec` for the methods."""

    namespace: str = ""
    """That of the bodies that are written; bodies are read in any."""
    is_token_encoded: bool = True
    """Whether `encoding-type=url` goes for continuation tokens, as it does for names."""
    checksum: str = ""
    """The element of a part that repeats the store's checksum; empty: there is none."""
    tier_parent: str = "JobParameters"
    """The element of a restore request that holds the tier."""

    @property
    def content_type(self) -> str:
        """The type of the bodies that are written."""
        return "application/xml"

    def error(self, body: bytes) -> ErrorBody | None:
        """Read an `<Error>`, or another answer that carries a code; None: it is none."""
        try:
            root = _parsed(body)
        except ValueError:
            return None
        code = _text(root, "Code")
        if _name(root) != "Error" and not code:
            return None
        known = {"Code", "Message", "RequestId", "HostId", "RecommendDoc", "StringToSignBytes"}
        detail = ", ".join(
            f"{_name(e)}: {e.text}" for e in root if e.text and _name(e) not in known
        )
        return ErrorBody(code, _text(root, "Message"), _text(root, "RequestId"), detail)

    def list_page(self, body: bytes) -> ListPage:
        """Read a ListBucketResult of either version."""
        root = _expected(body, "ListBucketResult")
        decode = _decoder(root)
        objects, prefixes = [], []
        space = root.tag[: -len("ListBucketResult")]
        for child in root:
            if _name(child) == "Contents":
                objects.append(_listed(child, space, decode))
            elif _name(child) == "CommonPrefixes":
                prefixes.append(decode(_text(child, "Prefix")))
        token = _text(root, "NextContinuationToken")
        if self.is_token_encoded:
            token = decode(token)
        return ListPage(objects, prefixes, _more(root, token))

    def parts_page(self, body: bytes) -> PartsPage:
        """Read a ListPartsResult."""
        root = _expected(body, "ListPartsResult", "ListPartsResponse")  # moto's word
        parts = [_part(child, self.checksum) for child in _children(root, "Part")]
        marker = _more(root, _text(root, "NextPartNumberMarker"))
        return PartsPage(parts, None if marker is None else int(marker))

    def uploads_page(self, body: bytes) -> UploadsPage:
        """Read a ListMultipartUploadsResult."""
        root = _expected(body, "ListMultipartUploadsResult")
        decode = _decoder(root)
        uploads = [
            PendingUpload(
                decode(_text(child, "Key")),
                _text(child, "UploadId"),
                iso_time_ns(_text(child, "Initiated")),
            )
            for child in _children(root, "Upload")
        ]
        key = _more(root, decode(_text(root, "NextKeyMarker")))
        marker = None if key is None else (key, _text(root, "NextUploadIdMarker"))
        return UploadsPage(uploads, marker)

    def upload_id(self, body: bytes) -> str:
        """Read an InitiateMultipartUploadResult, which rclone calls otherwise."""
        upload_id = _text(_parsed(body), "UploadId")
        if not upload_id:
            raise ValueError("an upload without an id")
        return upload_id

    def etag(self, body: bytes) -> str:
        """Read the ETag of a CopyObjectResult, CopyPartResult or that of Complete."""
        return _text(_parsed(body), "ETag").strip('"')

    def part_checksum(self, body: bytes) -> str:
        """Read the checksum in a CopyPartResult."""
        return _text(_parsed(body), self.checksum) if self.checksum else ""

    def complete(self, parts: Sequence[Part]) -> bytes:
        """Write a CompleteMultipartUpload; checksums are repeated if all parts have one."""
        is_proved = bool(self.checksum) and all(part.checksum for part in parts)
        listed = "".join(self._named(part, is_proved=is_proved) for part in parts)
        return self._written("CompleteMultipartUpload", listed)

    def _named(self, part: Part, *, is_proved: bool) -> str:
        number, etag = f"<PartNumber>{part.number}</PartNumber>", f'"{escape(part.etag)}"'
        proof = f"<{self.checksum}>{escape(part.checksum)}</{self.checksum}>" if is_proved else ""
        return f"<Part>{number}<ETag>{etag}</ETag>{proof}</Part>"

    def delete(self, keys: Sequence[str]) -> bytes:
        """Write a Delete that asks for an answer about every key."""
        listed = "".join(f"<Object><Key>{_escaped(key)}</Key></Object>" for key in keys)
        return self._written("Delete", f"<Quiet>false</Quiet>{listed}")

    def can_delete(self, key: str) -> bool:
        """Say whether XML can hold `key`: no control characters but tab, LF and CR."""
        return not _ILLEGAL.search(key)

    def deleted(self, keys: Sequence[str], body: bytes) -> Sequence[DeleteFailure]:
        """Read a DeleteResult; a key that it does not name as deleted has failed."""
        root = _expected(body, "DeleteResult")
        decode = _decoder(root)
        done = {decode(_text(child, "Key")) for child in _children(root, "Deleted")}
        told = {
            decode(_text(child, "Key")): (_text(child, "Code"), _text(child, "Message"))
            for child in _children(root, "Error")
        }
        unnamed = ("NotDeleted", "the answer does not name the key")
        return [DeleteFailure(key, *told.get(key, unnamed)) for key in keys if key not in done]

    def restore(self, days: int, tier: str) -> bytes:
        """Write a RestoreRequest."""
        inner = f"<{self.tier_parent}><Tier>{escape(tier)}</Tier></{self.tier_parent}>"
        return self._written("RestoreRequest", f"<Days>{days}</Days>{inner if tier else ''}")

    def tagging(self, tags: Mapping[str, str]) -> bytes:
        """Write a Tagging."""
        listed = "".join(
            f"<Tag><Key>{_escaped(key)}</Key><Value>{_escaped(value)}</Value></Tag>"
            for key, value in tags.items()
        )
        return self._written("Tagging", f"<TagSet>{listed}</TagSet>")

    def tags(self, body: bytes) -> Mapping[str, str]:
        """Read a Tagging."""
        sets = _children(_expected(body, "Tagging"), "TagSet")
        return {
            _text(tag, "Key"): _text(tag, "Value")
            for tag_set in sets
            for tag in _children(tag_set, "Tag")
        }

    def _written(self, root: str, inner: str) -> bytes:
        attribute = f' xmlns="{self.namespace}"' if self.namespace else ""
        return f"<{root}{attribute}>{inner}</{root}>".encode()


def text_at(body: bytes, *path: str) -> str:
    """Return the text of an element; empty: it has none, or is not there. ValueError."""
    found = _parsed(body)
    for name in path[:-1]:
        found = next(_children(found, name), ET.Element(""))
    return _text(found, path[-1])


def _parsed(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314  # expat resolves no external entities, and bounds internal ones
    except ET.ParseError:
        pass  # perhaps for a character that XML cannot hold
    try:
        root = ET.fromstring(_shielded(body.decode()))  # noqa: S314  # the same
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"not XML: {body[:80]!r}") from error
    for element in root.iter():
        if element.text:
            element.text = element.text.translate(_UNSHIELDS)
    return root


def _shielded(text: str) -> str:
    def of_reference(found: re.Match[str]) -> str:
        shield = _SHIELDS.get(int(found[1], 16) if found[1] else int(found[2]))
        return chr(shield) if shield else found[0]

    return _REFERENCE.sub(of_reference, text).translate(_SHIELDS)


def _expected(body: bytes, *names: str) -> ET.Element:
    root = _parsed(body)
    if _name(root) not in names:
        raise ValueError(f"a {_name(root)} instead of a {names[0]}")
    return root


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(root: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in root if _name(child) == name)


def _text(root: ET.Element, name: str) -> str:
    for child in root:
        if child.tag == name or _name(child) == name:
            return child.text or ""
    return ""


def _more(root: ET.Element, marker: str) -> str | None:
    """Return the marker of the next page; None: this was the last."""
    if _text(root, "IsTruncated") != "true":
        return None
    if not marker:
        raise ValueError("a page that is not the last, without a marker")
    return marker


def _decoder(root: ET.Element) -> Callable[[str], str]:
    return _unquoted if _text(root, "EncodingType") == "url" else str


def _unquoted(text: str) -> str:
    text = text.replace("%2F", "/")  # nearly all that there is to do, and a tenth of the time
    return unquote_plus(text) if "%" in text or "+" in text else text


def _listed(contents: ET.Element, space: str, decode: Callable[[str], str]) -> ListedObject:
    values = {child.tag: child.text or "" for child in contents}
    return ListedObject(
        decode(values[space + "Key"]),
        int(values[space + "Size"]),
        values.get(space + "ETag", "").strip('"'),
        iso_time_ns(values[space + "LastModified"]),
        values.get(space + "StorageClass", ""),
        values.get(space + "Type", ""),
    )


def _part(element: ET.Element, checksum: str) -> Part:
    values = {_name(child): child.text or "" for child in element}
    crc = values.get("HashCrc64ecma")
    etag = values["ETag"].strip('"')
    number, size = int(values["PartNumber"]), int(values["Size"])
    return Part(number, size, etag, int(crc) if crc else None, values.get(checksum, ""))


def _escaped(key: str) -> str:
    """Escape markup, and the white space that a parser would normalise."""
    return escape(key, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
