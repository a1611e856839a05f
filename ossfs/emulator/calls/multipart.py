"""Requests about multipart uploads."""

import base64
import re
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import quote

from ossfs.emulator import callbacks, checksums, listing, receiving
from ossfs.emulator.calls import headers as fields
from ossfs.emulator.calls.listings import encoder, limit_of
from ossfs.emulator.calls.objects import copy_source, document, need_length, written
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.multipart import MAX_PARTS, Listed, Part
from ossfs.emulator.objects import SECOND
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import Service
from ossfs.emulator.times import iso
from ossfs.extents import Extent

if TYPE_CHECKING:
    from ossfs.emulator.tree import Node

_MAX_BODY = 4 << 20  # 10,000 parts take about 1 MB
_RANGE = re.compile(r"bytes=(\d+)-(\d+)", re.ASCII)


async def initiate(service: Service, call: Call) -> Answer:
    """POST /key?uploads."""
    bucket = service.buckets.get(call.bucket)
    given = fields.attributes(call, service.settings.limits)
    encode = encoder(call)
    call.words.guard(service, call)
    wanted = call.words.upload_sums(call)
    sequential = "sequential" in call.query
    given = replace(given, sums=wanted)
    upload = service.multipart.initiate(bucket, call.key, given, sequential=sequential)
    answer = document(
        call,
        "InitiateMultipartUploadResult",
        [
            *encode.node,
            ("Bucket", bucket.name),
            ("Key", encode(call.key)),
            ("UploadId", upload),
        ],
    )
    for name, value in wanted.items():
        answer.headers[call.words.header(f"checksum-{name}")] = value.upper()
    return answer


async def upload_part(service: Service, call: Call) -> Answer:
    """PUT /key?partNumber=N&uploadId=U."""
    bucket, upload, number = _target(service, call)
    need_length(call)
    limit = service.settings.limits.max_part
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        _check_algorithm(service, call, upload)
        part = service.multipart.put_part(bucket, call.key, upload, number, body, sums=call.sums)
    headers = fields.sums_told(call, part)
    if call.words.tells_md5:
        headers["Content-MD5"] = base64.b64encode(body.md5).decode()
    return Answer(headers=headers | _told(call, part))


def _check_algorithm(service: Service, call: Call, upload: str) -> None:
    """Raise Refused (InvalidRequest) when the upload wants a checksum that was not sent."""
    wanted = service.multipart.get(call.bucket, call.key, upload).checksum.get("algorithm")
    if wanted is not None and wanted not in call.sums:
        raise Refused(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {wanted}, "
            f"actual checksum Type: {next(iter(call.sums), 'null')}",
        )


def _told(call: Call, part: Part) -> dict[str, str]:
    return {call.words.header(f"checksum-{n}"): value for n, value in part.checksums.items()}


async def upload_part_copy(service: Service, call: Call) -> Answer:
    """PUT /key?partNumber=N&uploadId=U with a copy source."""
    bucket, upload, number = _target(service, call)
    _, _, source = copy_source(service, call)
    wanted = _copied_range(call, source.size)
    extent = wanted or Extent(0, source.size)
    if extent.size > service.settings.limits.max_part:
        raise Refused("EntityTooLarge", MaxSizeAllowed=str(service.settings.limits.max_part))
    segments = service.storage.segments(source.content, extent.start, extent.stop)
    blobs = [segment.blob for segment in segments]
    service.storage.files.pin(blobs)
    try:
        algorithm = service.multipart.get(bucket, call.key, upload).checksum.get("algorithm")
        running = checksums.running(algorithm) if algorithm else None
        body = await receiving.sums(service.storage.files, segments, running)
        sums = {algorithm: checksums.encoded(running.digest())} if algorithm and running else {}
        part = service.multipart.put_part(
            bucket, call.key, upload, number, body, segments=segments, sums=sums
        )
    finally:
        service.storage.files.unpin(blobs)
    answer = document(
        call,
        "CopyPartResult",
        [
            ("LastModified", iso(part.modified_ns // SECOND)),
            ("ETag", call.words.etag(part.etag)),
            *((f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
        ],
    )
    answer.headers |= fields.sums_told(call, part)
    if wanted:
        answer.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{source.size}"
    return answer


async def complete(service: Service, call: Call) -> Answer:
    """POST /key?uploadId=U."""
    bucket = service.buckets.get(call.bucket)
    upload = call.query["uploadId"]
    callback = callbacks.wanted(call)
    encode = encoder(call)
    guard = call.words.guard(service, call)
    text = await call.body.read(_MAX_BODY)
    listed = None
    if (call.own("complete-all") or "").lower() == "yes":
        if text.strip():
            raise invalid(call.words.header("complete-all"), "yes", "The body must be empty.")
    else:
        listed = _listed(call, text)
    row = service.multipart.complete(
        bucket,
        call.key,
        upload,
        listed,
        acl=fields.object_acl(call) if call.words.object_acl in call.headers else "",
        guard=guard,
        smallest=call.words.smallest_part(service.settings.limits),
        expected=call.words.expected(call),
    )
    location = f"http://{call.host}{quote(call.path)}"
    headers = written(call, row)
    if callback is not None:
        return await callbacks.made(callback, call, row, {**headers, "Location": location})
    answer = document(
        call,
        "CompleteMultipartUploadResult",
        [
            *encode.node,
            ("Location", location),
            ("Bucket", bucket.name),
            ("Key", encode(call.key)),
            ("ETag", call.words.etag(row.etag)),
            *call.words.sum_nodes(row),
        ],
    )
    answer.headers |= headers
    return answer


async def abort(service: Service, call: Call) -> Answer:
    """DELETE /key?uploadId=U."""
    service.buckets.get(call.bucket)
    service.multipart.abort(call.bucket, call.key, call.query["uploadId"])
    return Answer(204)


async def list_parts(service: Service, call: Call) -> Answer:
    """GET /key?uploadId=U."""
    service.buckets.get(call.bucket)
    encode = encoder(call)
    upload = service.multipart.get(call.bucket, call.key, call.query["uploadId"])
    limit = limit_of(call, "max-parts", 1000)
    marker = call.query.get("part-number-marker") or "0"
    if not marker.isdecimal() or int(marker) > MAX_PARTS:
        raise invalid("part-number-marker", marker)
    found = service.multipart.parts(upload.id, int(marker), limit + 1)
    page = found[:limit]
    parts: list[Node] = [
        (
            "Part",
            [
                ("PartNumber", part.number),
                ("LastModified", iso(part.modified_ns // SECOND)),
                ("ETag", call.words.etag(part.etag)),
                *([("HashCrc64ecma", part.crc)] if call.words.tells_crc else []),
                ("Size", part.size),
                *((f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
            ],
        )
        for part in page
    ]
    return document(
        call,
        "ListPartsResult",
        [
            *encode.node,
            ("Bucket", call.bucket),
            ("Key", encode(call.key)),
            ("UploadId", upload.id),
            ("StorageClass", call.words.storage_class(upload.storage_class)),
            ("PartNumberMarker", int(marker)),
            ("NextPartNumberMarker", page[-1].number if page else 0),
            ("MaxParts", limit),
            ("IsTruncated", len(found) > limit),
            *parts,
        ],
    )


async def list_uploads(service: Service, call: Call) -> Answer:
    """GET /?uploads."""
    service.buckets.get(call.bucket)
    encode = encoder(call)
    query = call.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker = query.get("key-marker", "")
    id_marker = query.get("upload-id-marker", "") if key_marker else ""
    limit = limit_of(call, "max-uploads", 1000)
    page = listing.uploads(
        service.storage,
        call.bucket,
        prefix.encode(),
        (key_marker.encode(), id_marker),
        delimiter.encode(),
        limit,
    )
    ends_in_item = page.items and page.items[-1].key == page.last
    uploads: list[Node] = [
        (
            "Upload",
            [
                ("Key", encode(one.key.decode())),
                ("UploadId", one.id),
                ("StorageClass", call.words.storage_class(one.storage_class)),
                ("Initiated", iso(one.created_ns // SECOND)),
            ],
        )
        for one in page.items
    ]
    return document(
        call,
        "ListMultipartUploadsResult",
        [
            *encode.node,
            ("Bucket", call.bucket),
            ("KeyMarker", encode(key_marker)),
            ("UploadIdMarker", id_marker),
            ("NextKeyMarker", encode(page.last.decode()) if page.truncated else ""),
            (
                "NextUploadIdMarker",
                page.items[-1].id if page.truncated and ends_in_item else "",
            ),
            ("Delimiter", encode(delimiter)),
            ("Prefix", encode(prefix)),
            ("MaxUploads", limit),
            ("IsTruncated", page.truncated),
            *uploads,
            *(("CommonPrefixes", [("Prefix", encode(one.decode()))]) for one in page.groups),
        ],
    )


def _target(service: Service, call: Call) -> tuple[str, str, int]:
    """Return bucket, upload id and part number, checked, before any body is read."""
    bucket = service.buckets.get(call.bucket)
    fields.check_traffic_limit(call)
    number = call.query["partNumber"]
    if not (number.isascii() and number.isdecimal()):
        raise invalid("partNumber", number)
    upload = call.query["uploadId"]
    service.multipart.check_part(bucket.name, call.key, upload, int(number))
    return bucket.name, upload, int(number)


def _copied_range(call: Call, size: int) -> Extent | None:
    match = _RANGE.fullmatch((call.own("copy-source-range") or "").strip())
    if match is not None:
        start, last = int(match.group(1)), int(match.group(2))
        if start <= last < size:
            return Extent(start, last + 1)
    if call.words.strict_copied_range and call.own("copy-source-range"):
        raise Refused(
            "InvalidArgument",
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName=call.words.header("copy-source-range"),
        )
    return None


def _listed(call: Call, text: bytes) -> list[Listed]:
    root = call.words.parse(text)
    parts = root.all("Part")
    if root.name not in ("", "CompleteMultipartUpload") or not parts or len(parts) > MAX_PARTS:
        raise Refused("MalformedXML")
    listed = []
    for part in parts:
        number = part.find("PartNumber").strip()
        if not (number.isascii() and number.isdecimal()):
            raise Refused("MalformedXML")
        sums = {
            child.name.removeprefix("Checksum").lower(): child.text
            for child in part.children
            if child.name.startswith("Checksum")
        }
        listed.append((int(number), part.find("ETag"), sums))
    return sorted(listed, key=itemgetter(0)) if call.words.sorts_parts else listed
