"""
What headers say about objects, in both directions and in the words of a dialect.

From a request: the attributes of the object it makes, and the checks the services make on
them. To an answer: the headers of GET and HEAD.
"""

import base64
import binascii
import json
import re
from urllib.parse import parse_qsl

from ossfs.emulator.buckets import ACLS
from ossfs.emulator.exchange import Call
from ossfs.emulator.files import Received
from ossfs.emulator.multipart import Part
from ossfs.emulator.objects import APPENDABLE, META, SECOND, Attributes, Row
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.settings import Limits
from ossfs.emulator.times import http

_KEPT = ("Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires")
_ENCRYPTION = "server-side-encryption"
_PREFIXED = (META, _ENCRYPTION)
"""Stored names that get the prefix of the dialect that reads them."""
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
    """Return what the request says about the object it makes; Refused where services do."""
    given = call.headers
    kept = {"Content-Type": given.get("Content-Type") or call.words.default_type}
    kept.update((name, given[name]) for name in _KEPT if name in given)
    if "Content-Encoding" in kept:
        coding = _without_chunking(kept.pop("Content-Encoding"))
        kept.update({"Content-Encoding": coding} if coding else {})
    kept.update(_user_metadata(call, limits))
    for name, value in kept.items():
        if not _is_utf8(value):
            raise invalid(name, "", "The value is not valid UTF-8.")
    encryption = call.own(_ENCRYPTION)
    if encryption is not None:
        if encryption not in ("AES256", "KMS", "SM4", "aws:kms"):
            raise Refused("InvalidEncryptionAlgorithmError", Header=call.words.header(_ENCRYPTION))
        kept[_ENCRYPTION] = encryption
    tags = parse_qsl(call.own("tagging") or "", keep_blank_values=True)
    return Attributes(kept, storage_class(call), object_acl(call), checked_tags(tags))


def storage_class(call: Call) -> str:
    """Return the storage class the request names, as it is stored; '' when it names none."""
    given = call.own("storage-class")
    if not given:
        return ""
    for stored, own in call.words.classes.items():
        if own == given:
            return stored
    raise Refused("InvalidStorageClass", StorageClassRequested=given)


def object_acl(call: Call) -> str:
    """Return the ACL a request gives an object, 'default' when it names none."""
    acl = call.headers.get(call.words.object_acl, "default")
    if acl in call.words.private_acls:
        return "private"
    if acl not in ("default", *ACLS):
        raise invalid(call.words.object_acl, acl)
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
    """Return the truth value of one of the dialect's headers."""
    value = (call.own(name) or "false").lower()
    if value not in ("true", "false"):
        raise invalid(call.words.header(name), value)
    return value == "true"


def check_traffic_limit(call: Call) -> None:
    """Raise Refused when x-oss-traffic-limit is out of range, or given twice."""
    name = call.words.header("traffic-limit")
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
        raise Refused("BadDigest")
    crc = call.own("hash-crc64ecma")
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


def sums_told(call: Call, row: Row | Part) -> dict[str, str]:
    """Return the headers with the ETag, and the CRC where the dialect has one."""
    headers = {"ETag": call.words.etag(row.etag)}
    if row.crc and call.words.tells_crc:
        headers[call.words.header("hash-crc64ecma")] = row.crc
    return headers


def described(call: Call, row: Row, now_ns: int) -> dict[str, str]:
    """Return the headers of HEAD and GET, without lengths."""
    words = call.words
    headers = {
        words.header(name) if name.startswith(_PREFIXED) else name: value
        for name, value in json.loads(row.headers).items()
    }
    headers |= sums_told(call, row)
    headers |= {
        "Last-Modified": http(row.modified_s),
        "Accept-Ranges": "bytes",
    }
    if row.tags:
        headers[words.header("tagging-count")] = str(len(json.loads(row.tags)))
    if row.ready_ns > now_ns:
        headers[words.header("restore")] = 'ongoing-request="true"'
    elif row.expiry_ns > now_ns:
        expiry = http(row.expiry_ns // SECOND)
        headers[words.header("restore")] = f'ongoing-request="false", expiry-date="{expiry}"'
    return headers | words.extras(call, row)


def typed(call: Call, row: Row) -> dict[str, str]:
    """Return the headers with storage class, object type, and where an append goes on."""
    words = call.words
    headers = {
        words.header("storage-class"): words.storage_class(row.storage_class),
        words.header("object-type"): row.kind,
    }
    if row.kind == APPENDABLE:
        headers[words.header(f"next-append-{words.position}")] = str(row.size)
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
    prefix = call.words.header(META)
    for name, value in call.headers.items():
        if name.lower().startswith(prefix):
            short = name.lower().removeprefix(prefix)
            if not re.fullmatch(call.words.meta_name, short):
                raise invalid(name, value, "The name of the user metadata is invalid.")
            found[META + short] = value
    total = sum(
        len(name) - len(META) + len(value.encode(errors="replace")) for name, value in found.items()
    )
    if call.words.counts_prefix:
        total += len(prefix) * len(found)
    limit = min(limits.max_metadata, call.words.max_metadata)
    if total > limit:
        raise Refused("MetadataTooLarge", MaxSizeAllowed=str(limit))
    return found


def _without_chunking(coding: str) -> str:
    """Return the Content-Encoding without `aws-chunked`, which is of the transfer only."""
    return ",".join(one for one in coding.split(",") if one.strip() != "aws-chunked")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
