"""
What headers say about objects, in both directions.

From a request: the attributes of the object it makes, and the checks OSS makes on them.
To an answer: the headers of GET and HEAD.
"""

import base64
import binascii
import json
import re
from urllib.parse import parse_qsl

from ossfs.emulator.buckets import ACLS, STORAGE_CLASSES
from ossfs.emulator.exchange import Call
from ossfs.emulator.files import Received
from ossfs.emulator.objects import APPENDABLE, SECOND, Attributes, Row
from ossfs.emulator.oss.times import http
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.settings import Limits

_KEPT = ("Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires")
_META = "x-oss-meta-"
_META_NAME = re.compile(r"[a-z0-9-]+")
_ENCRYPTION = "x-oss-server-side-encryption"
_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
_TRAFFIC_LIMIT = range(819_200, 838_860_800 + 1)
_MAX_TAGS, _MAX_TAG_KEY, _MAX_TAG_VALUE = 10, 128, 256
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


def attributes(call: Call, limits: Limits) -> Attributes:
    """Return what the request says about the object it makes; Refused where OSS does."""
    given = call.headers
    kept = {"Content-Type": given.get("Content-Type") or "application/octet-stream"}
    kept.update((name, given[name]) for name in _KEPT if name in given)
    kept.update(_user_metadata(call, limits))
    for name, value in kept.items():
        if not _is_utf8(value):
            raise invalid(name, "", "The value is not valid UTF-8.")
    encryption = given.get(_ENCRYPTION)
    if encryption is not None:
        if encryption not in ("AES256", "KMS", "SM4"):
            raise Refused("InvalidEncryptionAlgorithmError", Header=_ENCRYPTION)
        kept[_ENCRYPTION] = encryption
    storage_class = given.get("x-oss-storage-class", "")
    if storage_class and storage_class not in STORAGE_CLASSES:
        raise invalid("x-oss-storage-class", storage_class)
    tags = parse_qsl(given.get("x-oss-tagging", ""), keep_blank_values=True)
    return Attributes(kept, storage_class, object_acl(call), checked_tags(tags))


def object_acl(call: Call) -> str:
    """Return the value of x-oss-object-acl, 'default' when there is none."""
    acl = call.headers.get("x-oss-object-acl", "default")
    if acl not in ("default", *ACLS):
        raise invalid("x-oss-object-acl", acl)
    return acl


def checked_tags(tags: list[tuple[str, str]]) -> dict[str, str]:
    """Return the tags as a mapping; Refused (InvalidTag) when OSS would not take them."""
    if len(tags) > _MAX_TAGS or len(dict(tags)) != len(tags):
        raise Refused("InvalidTag", "Object tags cannot be more than 10, nor repeated.")
    for key, value in tags:
        if not 1 <= len(key) <= _MAX_TAG_KEY or len(value) > _MAX_TAG_VALUE:
            raise Refused("InvalidTag", "The tag has an invalid length.", TagKey=key)
    return dict(tags)


def flag(call: Call, name: str) -> bool:
    """Return a header's truth value."""
    value = call.headers.get(name, "false").lower()
    if value not in ("true", "false"):
        raise invalid(name, value)
    return value == "true"


def check_no_callback(call: Call) -> None:
    """Raise Refused (NotImplemented) for a callback: silence would pretend it was called."""
    if "x-oss-callback" in call.headers or "callback" in call.query:
        raise Refused("NotImplemented", "This server makes no callbacks.", Header="x-oss-callback")


def check_unconditional(call: Call) -> None:
    """Raise Refused (NotImplemented) for conditional headers on a write, as OSS does."""
    for name in _CONDITIONS:
        if name in call.headers:
            raise Refused(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented.",
                Header=name,
                EC="0017-00000245",
            )


def check_traffic_limit(call: Call) -> None:
    """Raise Refused when x-oss-traffic-limit is out of range, or given twice."""
    name = "x-oss-traffic-limit"
    in_header, in_query = call.headers.get(name), call.query.get(name)
    value = in_query if in_header is None else in_header
    if value is None:
        return
    both = in_header is not None and in_query is not None
    if both or not value.isdecimal() or int(value) not in _TRAFFIC_LIMIT:
        raise invalid(name, value)


def check_sums(call: Call, body: Received) -> None:
    """Raise Refused when Content-MD5 or the CRC that was sent is not the body's."""
    digest = call.headers.get("Content-MD5")
    if digest is not None and decoded_md5(digest) != body.md5:
        raise Refused("InvalidDigest")
    crc = call.headers.get("x-oss-hash-crc64ecma")
    if crc is not None and crc != str(body.crc):
        raise Refused("InvalidCRC64")


def decoded_md5(text: str) -> bytes:
    """Return the 16 bytes of a Content-MD5; Refused (InvalidDigest) if it is none."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("InvalidDigest") from None
    if len(digest) != len(b"16 bytes of MD5!"):
        raise Refused("InvalidDigest")
    return digest


def stored(row: Row) -> dict[str, str]:
    """Return the headers that answer a write."""
    headers = {"ETag": f'"{row.etag}"', "x-oss-hash-crc64ecma": row.crc}
    if row.md5:
        headers["Content-MD5"] = row.md5
    return headers


def described(row: Row, now_ns: int) -> dict[str, str]:
    """Return the headers of HEAD and GET, without lengths."""
    headers: dict[str, str] = json.loads(row.headers)
    headers |= {
        "ETag": f'"{row.etag}"',
        "Last-Modified": http(row.modified_s),
        "Accept-Ranges": "bytes",
        "x-oss-object-type": row.kind,
        "x-oss-storage-class": row.storage_class,
    }
    if row.crc:
        headers["x-oss-hash-crc64ecma"] = row.crc
    if row.md5:
        headers["Content-MD5"] = row.md5
    if row.tags:
        headers["x-oss-tagging-count"] = str(len(json.loads(row.tags)))
    if row.kind == APPENDABLE:
        headers["x-oss-next-append-position"] = str(row.size)
    if row.ready_ns > now_ns:
        headers["x-oss-restore"] = 'ongoing-request="true"'
    elif row.expiry_ns > now_ns:
        expiry = http(row.expiry_ns // SECOND)
        headers["x-oss-restore"] = f'ongoing-request="false", expiry-date="{expiry}"'
    return headers


def overridden(call: Call, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers with those replaced that the query asks for."""
    given = {name: call.query[name] for name in _OVERRIDES if call.query.get(name)}
    if given and call.anonymous:
        raise Refused("InvalidRequest", "Overriding headers needs a signed request.")
    for name, value in given.items():
        if not value.isprintable():
            raise invalid(name, value)
    return headers | {_OVERRIDES[name]: value for name, value in given.items()}


def current_only(call: Call) -> None:
    """Raise Refused (NoSuchVersion) for a version's id: only 'null', the current one, exists."""
    version = call.query.get("versionId", "null")
    if version not in ("", "null"):
        raise Refused("NoSuchVersion", "The specified version does not exist.", VersionId=version)


def _user_metadata(call: Call, limits: Limits) -> dict[str, str]:
    found = {}
    for name, value in call.headers.items():
        if name.lower().startswith(_META):
            short = name.lower().removeprefix(_META)
            if not _META_NAME.fullmatch(short):
                raise invalid(name, value, "The name of the user metadata is invalid.")
            found[_META + short] = value
    total = sum(len(name) + len(value.encode(errors="replace")) for name, value in found.items())
    if total > limits.max_metadata:
        raise Refused("MetadataTooLarge", MaxSizeAllowed=str(limits.max_metadata))
    return found


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
