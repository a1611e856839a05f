"""Requests about multipart uploads."""

import base64
import re

from ossfs.emulator import listing, receiving
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.multipart import MAX_PARTS
from ossfs.emulator.objects import SECOND
from ossfs.emulator.oss import headers as fields
from ossfs.emulator.oss import xml
from ossfs.emulator.oss.listing_calls import encoder, limit_of
from ossfs.emulator.oss.object_calls import copy_source, xml_answer
from ossfs.emulator.oss.times import iso
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import Service
from ossfs.extents import Extent

_MAX_XML = 4 << 20  # 10,000 parts take about 1 MB
_RANGE = re.compile(r"bytes=(\d+)-(\d+)", re.ASCII)


async def initiate(service: Service, call: Call) -> Answer:
    """POST /key?uploads."""
    bucket = service.buckets.get(call.bucket)
    given = fields.attributes(call, service.settings.limits)
    encode = encoder(call)
    if fields.flag(call, "x-oss-forbid-overwrite"):
        service.objects.check_absent(bucket.name, call.key)
    sequential = "sequential" in call.query
    upload = service.multipart.initiate(bucket, call.key, given, sequential=sequential)
    return xml_answer(
        "InitiateMultipartUploadResult",
        [
            *encode.node,
            ("Bucket", bucket.name),
            ("Key", encode(call.key)),
            ("UploadId", upload),
        ],
    )


async def upload_part(service: Service, call: Call) -> Answer:
    """PUT /key?partNumber=N&uploadId=U."""
    bucket, upload, number = _target(service, call)
    if not call.body.announced:
        raise Refused("MissingContentLength")
    limit = service.settings.limits.max_part
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        part = service.multipart.put_part(bucket, call.key, upload, number, body)
    return Answer(
        headers={
            "ETag": f'"{part.etag}"',
            "x-oss-hash-crc64ecma": part.crc,
            "Content-MD5": base64.b64encode(body.md5).decode(),
        }
    )


async def upload_part_copy(service: Service, call: Call) -> Answer:
    """PUT /key?partNumber=N&uploadId=U with x-oss-copy-source."""
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
        body = await receiving.sums(service.storage.files, segments)
        part = service.multipart.copy_part(bucket, call.key, upload, number, body, segments)
    finally:
        service.storage.files.unpin(blobs)
    answer = xml_answer(
        "CopyPartResult",
        [("LastModified", iso(part.modified_ns // SECOND)), ("ETag", f'"{part.etag}"')],
    )
    answer.headers |= {"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": part.crc}
    if wanted:
        answer.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{source.size}"
    return answer


async def complete(service: Service, call: Call) -> Answer:
    """POST /key?uploadId=U."""
    bucket = service.buckets.get(call.bucket)
    upload = call.query["uploadId"]
    fields.check_no_callback(call)
    encode = encoder(call)
    text = await call.body.read(_MAX_XML)
    listed = None
    if call.headers.get("x-oss-complete-all", "").lower() == "yes":
        if text.strip():
            raise invalid("x-oss-complete-all", "yes", "The body must be empty.")
    else:
        listed = _listed(text)
    row = service.multipart.complete(
        bucket,
        call.key,
        upload,
        listed,
        acl=fields.object_acl(call) if "x-oss-object-acl" in call.headers else "",
        forbid=fields.flag(call, "x-oss-forbid-overwrite"),
    )
    answer = xml_answer(
        "CompleteMultipartUploadResult",
        [
            *encode.node,
            ("Location", f"http://{call.host}/{xml.encoded(call.key)}"),
            ("Bucket", bucket.name),
            ("Key", encode(call.key)),
            ("ETag", f'"{row.etag}"'),
        ],
    )
    answer.headers |= fields.stored(row)
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
    parts: list[xml.Node] = [
        (
            "Part",
            [
                ("PartNumber", str(part.number)),
                ("LastModified", iso(part.modified_ns // SECOND)),
                ("ETag", f'"{part.etag}"'),
                ("HashCrc64ecma", part.crc),
                ("Size", str(part.size)),
            ],
        )
        for part in page
    ]
    return xml_answer(
        "ListPartsResult",
        [
            *encode.node,
            ("Bucket", call.bucket),
            ("Key", encode(call.key)),
            ("UploadId", upload.id),
            ("StorageClass", upload.storage_class),
            ("PartNumberMarker", marker),
            ("NextPartNumberMarker", str(page[-1].number if page else 0)),
            ("MaxParts", str(limit)),
            ("IsTruncated", "true" if len(found) > limit else "false"),
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
    uploads: list[xml.Node] = [
        (
            "Upload",
            [
                ("Key", encode(one.key.decode())),
                ("UploadId", one.id),
                ("StorageClass", one.storage_class),
                ("Initiated", iso(one.created_ns // SECOND)),
            ],
        )
        for one in page.items
    ]
    return xml_answer(
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
            ("MaxUploads", str(limit)),
            ("IsTruncated", "true" if page.truncated else "false"),
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
    match = _RANGE.fullmatch(call.headers.get("x-oss-copy-source-range", "").strip())
    if match is None:
        return None
    start, last = int(match.group(1)), int(match.group(2))
    return Extent(start, last + 1) if start <= last < size else None


def _listed(text: bytes) -> list[tuple[int, str]]:
    root = xml.parse(text)
    parts = root.all("Part")
    if root.name != "CompleteMultipartUpload" or not parts or len(parts) > MAX_PARTS:
        raise Refused("MalformedXML")
    listed = []
    for part in parts:
        number = part.find("PartNumber").strip()
        if not (number.isascii() and number.isdecimal()):
            raise Refused("MalformedXML")
        listed.append((int(number), part.find("ETag")))
    return listed
