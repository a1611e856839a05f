"""Requests about one object that every dialect has."""

from dataclasses import replace
from urllib.parse import unquote

from ossfs.emulator import callbacks, checksums, conditions, ranges, receiving
from ossfs.emulator.calls import headers as fields
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import APPENDABLE, Row, with_copied
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import Service
from ossfs.emulator.times import iso
from ossfs.emulator.tree import Content, Node
from ossfs.extents import Extent

_MAX_BODY = 1 << 20
_MAX_RESTORE_DAYS = 365


def document(call: Call, name: str, content: Content, status: int = 200) -> Answer:
    """Return an answer whose body is a document."""
    words = call.words
    return Answer(status, {"Content-Type": words.body_type}, words.render(name, content))


async def put_object(service: Service, call: Call) -> Answer:
    """PUT /key."""
    bucket = service.buckets.get(call.bucket)
    fields.check_traffic_limit(call)
    callback = callbacks.wanted(call)
    given = fields.attributes(call, service.settings.limits)
    need_length(call)
    guard = call.words.guard(service, call)
    limit = service.settings.limits.max_put
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        given = replace(given, sums=checksums.of_object(call.sums))
        row = service.objects.put(bucket, call.key, body, given, guard=guard)
    headers = written(call, row)
    headers |= {call.words.header(f"checksum-{name}"): v for name, v in given.sums.items()}
    if callback is not None:
        return await callbacks.made(callback, call, row, headers)
    return Answer(headers=headers)


def written(call: Call, row: Row) -> dict[str, str]:
    """Return the headers that answer the write of an object."""
    headers = fields.sums_told(call, row)
    if row.md5 and call.words.tells_md5:
        headers["Content-MD5"] = row.md5
    return headers


async def append_object(service: Service, call: Call) -> Answer:
    """POST /key?append and the position, which TOS calls the offset."""
    bucket = service.buckets.get(call.bucket)
    word = call.words.position
    if word not in call.query:
        raise Refused("MissingArgument", f"{word} is missing", EC="0016-00000501")
    position = _number(call, word)
    fields.check_traffic_limit(call)
    given = fields.attributes(call, service.settings.limits)
    need_length(call)
    guard = call.words.guard(service, call)
    service.objects.check_append(bucket.name, call.key, position)
    limit = max(0, service.settings.limits.max_put - position)
    async with receiving.received(service.storage.files, call.body, limit) as body:
        fields.check_sums(call, body)
        row = service.objects.append(bucket, call.key, position, body, given, guard=guard)
    headers = written(call, row)
    headers[call.words.header(f"next-append-{word}")] = str(row.size)
    return Answer(headers=headers)


async def get_object(service: Service, call: Call) -> Answer:
    """GET /key."""
    if call.words.header("process") in call.query:
        raise Refused("NotImplemented", "Processing of objects is not implemented.")
    service.buckets.get(call.bucket)
    fields.current_only(call)
    fields.check_traffic_limit(call)
    row = service.objects.followed(call.bucket, call.key)
    conditions.check(call.headers, call.words.bare_etag(row.etag), row.modified_s)
    service.objects.check_readable(row)
    described = fields.overridden(call, fields.described(call, row, service.clock.now_ns()))
    wanted = None
    if "Range" in call.headers:
        standard = call.words.standard_ranges or call.own("range-behavior") == "standard"
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
    conditions.check(call.headers, call.words.bare_etag(row.etag), row.modified_s)
    headers = fields.described(call, row, service.clock.now_ns())
    return Answer(headers={**headers, "Content-Length": str(row.size)})


async def delete_object(service: Service, call: Call) -> Answer:
    """DELETE /key: 204 whether it was there or not."""
    service.buckets.get(call.bucket)
    if call.query.get("versionId", "null") in ("", "null"):
        service.objects.delete(call.bucket, [call.key])
    return Answer(204)


async def copy_object(service: Service, call: Call) -> Answer:
    """PUT /key with a copy source."""
    bucket = service.buckets.get(call.bucket)
    fields.check_traffic_limit(call)
    guard = call.words.guard(service, call)
    source_bucket, source_key, source = copy_source(service, call)
    if source.kind == APPENDABLE and not call.words.copies_appendable:
        raise Refused("OperationNotSupported", "An appendable object cannot be copied.")
    itself = (source_bucket, source_key) == (bucket.name, call.key)
    replaces = _directive(call, "metadata-directive") == "REPLACE"
    if itself and not replaces:
        if call.words.strict_self_copy and not call.own("storage-class"):
            raise Refused(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata or storage class.",
            )
        replaces = not call.words.strict_self_copy
    retags = _directive(call, "tagging-directive") == "REPLACE"
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
    row = service.objects.copy(source, bucket, call.key, given, guard=guard)
    told: list[Node] = [
        ("ETag", call.words.etag(row.etag)),
        ("LastModified", iso(row.modified_s)),
        *call.words.sum_nodes(row),
    ]
    answer = document(call, "CopyObjectResult", told)
    answer.headers |= written(call, row)
    return answer


def copy_source(service: Service, call: Call) -> tuple[str, str, Row]:
    """Return bucket, key and object that the copy source names, its conditions checked."""
    given = call.own("copy-source") or ""
    path, _, version = given.partition("?versionId=")
    bucket, _, key = unquote(path, errors="replace").removeprefix("/").partition("/")
    if not key:
        raise invalid(call.words.header("copy-source"), given)
    if version not in ("", "null"):
        raise Refused("NoSuchVersion", "The specified version does not exist.", VersionId=version)
    service.buckets.get(bucket)
    row = service.objects.get(bucket, key)
    service.objects.check_readable(row)
    prefix = call.words.header("copy-source-")
    try:
        conditions.check(
            call.headers, call.words.bare_etag(row.etag), row.modified_s, prefix=prefix
        )
    except Refused as error:
        if call.words.copies_never_304:
            raise Refused("PreconditionFailed") from error
        raise
    return bucket, key, row


async def put_acl(service: Service, call: Call) -> Answer:
    """PUT /key?acl."""
    service.buckets.get(call.bucket)
    if call.words.object_acl not in call.headers and await call.body.read(_MAX_BODY):
        raise Refused("NotImplemented", "This server knows canned ACLs only.")
    service.objects.set_acl(call.bucket, call.key, fields.object_acl(call))
    return Answer()


async def get_acl(service: Service, call: Call) -> Answer:
    """GET /key?acl."""
    service.buckets.get(call.bucket)
    return call.words.acl_answer(call, service.objects.get(call.bucket, call.key).acl)


async def put_tagging(service: Service, call: Call) -> Answer:
    """PUT /key?tagging."""
    service.buckets.get(call.bucket)
    root = call.words.parse(await call.body.read(_MAX_BODY))
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
    nodes: list[Node] = [("Tag", [("Key", key), ("Value", value)]) for key, value in tags]
    return document(call, "Tagging", [("TagSet", nodes)])


async def delete_tagging(service: Service, call: Call) -> Answer:
    """DELETE /key?tagging."""
    service.buckets.get(call.bucket)
    service.objects.set_tags(call.bucket, call.key, {})
    return Answer(204)


async def restore_object(service: Service, call: Call) -> Answer:
    """POST /key?restore."""
    service.buckets.get(call.bucket)
    text = await call.body.read(_MAX_BODY)
    days = (call.words.parse(text).find("Days") if text.strip() else "") or "1"
    if not days.isdecimal() or not 1 <= int(days) <= _MAX_RESTORE_DAYS:
        raise invalid("Days", days)
    there = service.objects.restore(call.bucket, call.key, int(days))
    return Answer(200 if there else 202)


def _directive(call: Call, name: str) -> str:
    value = (call.own(name) or "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise invalid(call.words.header(name), value)
    return value


def need_length(call: Call) -> None:
    """Raise Refused (MissingContentLength) when nothing says how long the body is."""
    if not call.body.announced:
        raise Refused("MissingContentLength")


def _number(call: Call, name: str) -> int:
    value = call.query[name]
    if not (value.isascii() and value.isdecimal()):
        raise invalid(name, value)
    return int(value)
