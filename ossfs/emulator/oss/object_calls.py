"""Requests about one object."""

from urllib.parse import unquote

from ossfs.emulator import conditions, ranges, receiving
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SYMLINK, Row, with_copied
from ossfs.emulator.oss import headers as fields
from ossfs.emulator.oss import xml
from ossfs.emulator.oss.times import http, iso
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import OWNER, Service
from ossfs.extents import Extent

_MAX_XML = 1 << 20
_COPY = "x-oss-copy-source"
_MAX_RESTORE_DAYS = 365


async def put_object(service: Service, call: Call) -> Answer:
    """PUT /key."""
    bucket = service.buckets.get(call.bucket)
    fields.check_unconditional(call)
    fields.check_no_callback(call)
    fields.check_traffic_limit(call)
    given = fields.attributes(call, service.settings.limits)
    forbid = fields.flag(call, "x-oss-forbid-overwrite")
    _need_length(call)
    if forbid:  # before the body: it may be large
        service.objects.check_absent(bucket.name, call.key)
    limit = service.settings.limits.max_put
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        row = service.objects.put(bucket, call.key, body, given, forbid=forbid)
    return Answer(headers=fields.stored(row))


async def append_object(service: Service, call: Call) -> Answer:
    """POST /key?append&position=N."""
    bucket = service.buckets.get(call.bucket)
    if "position" not in call.query:
        raise Refused("MissingArgument", "position is missing", EC="0016-00000501")
    position = _number(call, "position")
    fields.check_unconditional(call)
    fields.check_traffic_limit(call)
    given = fields.attributes(call, service.settings.limits)
    _need_length(call)
    service.objects.check_append(bucket.name, call.key, position)
    limit = max(0, service.settings.limits.max_put - position)
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        row = service.objects.append(bucket, call.key, position, body, given)
    return Answer(headers={**fields.stored(row), "x-oss-next-append-position": str(row.size)})


async def get_object(service: Service, call: Call) -> Answer:
    """GET /key."""
    if "x-oss-process" in call.query:
        raise Refused("NotImplemented", "Processing of objects is not implemented.")
    service.buckets.get(call.bucket)
    fields.current_only(call)
    fields.check_traffic_limit(call)
    row = service.objects.followed(call.bucket, call.key)
    conditions.check(call.headers, row.etag, row.modified_s)
    service.objects.check_readable(row)
    described = fields.overridden(call, fields.described(row, service.clock.now_ns()))
    wanted = None
    if "Range" in call.headers:
        standard = call.headers.get("x-oss-range-behavior") == "standard"
        wanted = ranges.requested(call.headers["Range"], row.size, standard=standard)
    if wanted is None:
        return _content(service, row, Extent(0, row.size), described)
    described["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{row.size}"
    answer = _content(service, row, wanted, described)
    answer.status = 206
    return answer


def _content(service: Service, row: Row, wanted: Extent, headers: dict[str, str]) -> Answer:
    files = service.storage.files
    segments = service.storage.segments(row.content, wanted.start, wanted.stop)
    headers["Content-Length"] = str(wanted.size)
    if wanted.size <= receiving.SMALL:
        return Answer(headers=headers, body=files.read(segments) if segments else b"")
    blobs = [segment.blob for segment in segments]
    files.pin(blobs)
    return Answer(headers=headers, segments=segments, release=lambda: files.unpin(blobs))


async def head_object(service: Service, call: Call) -> Answer:
    """HEAD /key."""
    service.buckets.get(call.bucket)
    fields.current_only(call)
    row = service.objects.followed(call.bucket, call.key)
    conditions.check(call.headers, row.etag, row.modified_s)
    headers = fields.described(row, service.clock.now_ns())
    return Answer(headers={**headers, "Content-Length": str(row.size)})


async def get_object_meta(service: Service, call: Call) -> Answer:
    """HEAD /key?objectMeta: the cheap subset; of a symlink, the link's own."""
    service.buckets.get(call.bucket)
    fields.current_only(call)
    row = service.objects.get(call.bucket, call.key)
    conditions.check(call.headers, row.etag, row.modified_s)
    headers = {
        "ETag": f'"{row.etag}"',
        "Last-Modified": http(row.modified_s),
        "x-oss-object-type": row.kind,
        "Content-Length": str(row.size),
    }
    if row.crc:
        headers["x-oss-hash-crc64ecma"] = row.crc
    if call.method != "HEAD":
        headers["Content-Length"] = "0"
    return Answer(headers=headers)


async def delete_object(service: Service, call: Call) -> Answer:
    """DELETE /key: 204 whether it was there or not."""
    service.buckets.get(call.bucket)
    if call.query.get("versionId", "null") in ("", "null"):
        service.objects.delete(call.bucket, [call.key])
    return Answer(204)


async def copy_object(service: Service, call: Call) -> Answer:
    """PUT /key with x-oss-copy-source."""
    bucket = service.buckets.get(call.bucket)
    fields.check_traffic_limit(call)
    forbid = fields.flag(call, "x-oss-forbid-overwrite")
    source_bucket, source_key, source = copy_source(service, call)
    itself = (source_bucket, source_key) == (bucket.name, call.key)
    replaces = _directive(call, "x-oss-metadata-directive") == "REPLACE" or itself
    retags = _directive(call, "x-oss-tagging-directive") == "REPLACE"
    given = with_copied(
        fields.attributes(call, service.settings.limits),
        source,
        headers=not replaces,
        tags=not retags,
    )
    storage_class = given.storage_class or bucket.storage_class
    moves = source_bucket != bucket.name or storage_class != source.storage_class
    if moves and source.size > service.settings.limits.max_copy:
        raise Refused("EntityTooLarge", MaxSizeAllowed=str(service.settings.limits.max_copy))
    row = service.objects.copy(source, bucket, call.key, given, forbid=forbid)
    body = xml.document(
        "CopyObjectResult", [("ETag", f'"{row.etag}"'), ("LastModified", iso(row.modified_s))]
    )
    return Answer(headers={**fields.stored(row), "Content-Type": "application/xml"}, body=body)


def copy_source(service: Service, call: Call) -> tuple[str, str, Row]:
    """Return bucket, key and object that x-oss-copy-source names, its conditions checked."""
    given = call.headers[_COPY]
    path, _, version = given.partition("?versionId=")
    bucket, _, key = unquote(path, errors="replace").removeprefix("/").partition("/")
    if not key:
        raise invalid(_COPY, given)
    if version not in ("", "null"):
        raise Refused("NoSuchVersion", "The specified version does not exist.", VersionId=version)
    service.buckets.get(bucket)
    row = service.objects.get(bucket, key)
    service.objects.check_readable(row)
    conditions.check(call.headers, row.etag, row.modified_s, prefix=f"{_COPY}-")
    return bucket, key, row


async def put_symlink(service: Service, call: Call) -> Answer:
    """PUT /key?symlink."""
    bucket = service.buckets.get(call.bucket)
    target = unquote(call.headers.get("x-oss-symlink-target", ""))
    if not target:
        raise invalid("x-oss-symlink-target", target)
    given = fields.attributes(call, service.settings.limits)
    forbid = fields.flag(call, "x-oss-forbid-overwrite")
    row = service.objects.put_symlink(bucket, call.key, target, given, forbid=forbid)
    return Answer(headers={"ETag": f'"{row.etag}"'})


async def get_symlink(service: Service, call: Call) -> Answer:
    """GET /key?symlink."""
    service.buckets.get(call.bucket)
    row = service.objects.get(call.bucket, call.key)
    if row.kind != SYMLINK:
        raise Refused("NotSymlink", Key=call.key)
    return Answer(
        headers={
            "x-oss-symlink-target": xml.encoded(row.target),
            "ETag": f'"{row.etag}"',
            "Last-Modified": http(row.modified_s),
        }
    )


async def put_acl(service: Service, call: Call) -> Answer:
    """PUT /key?acl."""
    service.buckets.get(call.bucket)
    service.objects.set_acl(call.bucket, call.key, fields.object_acl(call))
    return Answer()


async def get_acl(service: Service, call: Call) -> Answer:
    """GET /key?acl."""
    service.buckets.get(call.bucket)
    return acl_answer(service.objects.get(call.bucket, call.key).acl)


def acl_answer(acl: str) -> Answer:
    """Return the answer that tells an ACL, of an object or a bucket."""
    owner = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
    children: list[xml.Node] = [owner, ("AccessControlList", [("Grant", acl)])]
    return xml_answer("AccessControlPolicy", children)


def xml_answer(name: str, content: str | list[xml.Node]) -> Answer:
    """Return an answer whose body is a document."""
    return Answer(headers={"Content-Type": "application/xml"}, body=xml.document(name, content))


async def put_tagging(service: Service, call: Call) -> Answer:
    """PUT /key?tagging."""
    service.buckets.get(call.bucket)
    root = xml.parse(await call.body.read(_MAX_XML))
    tags = [
        (tag.find("Key"), tag.find("Value"))
        for sets in root.all("TagSet")
        for tag in sets.all("Tag")
    ]
    service.objects.set_tags(call.bucket, call.key, fields.checked_tags(tags))
    return Answer()


async def get_tagging(service: Service, call: Call) -> Answer:
    """GET /key?tagging."""
    service.buckets.get(call.bucket)
    tags = service.objects.get(call.bucket, call.key).tag_items()
    nodes: list[xml.Node] = [("Tag", [("Key", key), ("Value", value)]) for key, value in tags]
    return xml_answer("Tagging", [("TagSet", nodes)])


async def delete_tagging(service: Service, call: Call) -> Answer:
    """DELETE /key?tagging."""
    service.buckets.get(call.bucket)
    service.objects.set_tags(call.bucket, call.key, {})
    return Answer(204)


async def restore_object(service: Service, call: Call) -> Answer:
    """POST /key?restore."""
    service.buckets.get(call.bucket)
    text = await call.body.read(_MAX_XML)
    days = (xml.parse(text).find("Days") if text.strip() else "") or "1"
    if not days.isdecimal() or not 1 <= int(days) <= _MAX_RESTORE_DAYS:
        raise invalid("Days", days)
    there = service.objects.restore(call.bucket, call.key, int(days))
    return Answer(200 if there else 202)


def _directive(call: Call, name: str) -> str:
    value = call.headers.get(name, "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise invalid(name, value)
    return value


def _need_length(call: Call) -> None:
    if not call.body.announced:
        raise Refused("MissingContentLength")


def _number(call: Call, name: str) -> int:
    value = call.query[name]
    if not (value.isascii() and value.isdecimal()):
        raise invalid(name, value)
    return int(value)
