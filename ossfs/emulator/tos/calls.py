"""Requests that only TOS has, or answers in a way of its own."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ossfs.emulator.calls import headers as fields
from ossfs.emulator.calls.objects import document
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SECOND
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import OWNER, Service
from ossfs.emulator.times import iso

if TYPE_CHECKING:
    from ossfs.emulator.tree import Node

_MAX_BODY = 64 * 1024
_MAX_BUCKETS = 1000


async def list_buckets(service: Service, call: Call) -> Answer:
    """GET / of the service."""
    buckets: list[Node] = [
        (
            "Bucket",
            [
                ("Name", one.name),
                ("Location", service.settings.region),
                ("CreationDate", iso(one.created_ns // SECOND)),
                ("ExtranetEndpoint", call.host),
                ("IntranetEndpoint", call.host),
                ("BucketType", "fns"),
            ],
        )
        for one in service.buckets.list("", "", _MAX_BUCKETS)
    ]
    owner: Node = ("Owner", [("ID", OWNER), ("Name", OWNER)])
    return document(call, "", [("Buckets", buckets), owner])


async def head_bucket(service: Service, call: Call) -> Answer:
    """HEAD /: what kind of bucket it is; always a flat one here."""
    bucket = service.buckets.get(call.bucket)
    return Answer(
        headers={
            "x-tos-bucket-region": service.settings.region,
            "x-tos-bucket-type": "fns",
            "x-tos-storage-class": call.words.storage_class(bucket.storage_class),
            "x-tos-az-redundancy": "single-az",
        }
    )


async def get_location(service: Service, call: Call) -> Answer:
    """GET /?location."""
    service.buckets.get(call.bucket)
    told: list[Node] = [
        ("Region", service.settings.region),
        ("ExtranetEndpoint", call.host),
        ("IntranetEndpoint", call.host),
    ]
    return document(call, "", told)


async def put_renames(service: Service, call: Call) -> Answer:
    """PUT /?rename: let objects be renamed, or no more."""
    enable = call.words.parse(await call.body.read(_MAX_BODY)).find("RenameEnable")
    if enable not in ("true", "false"):
        raise invalid("RenameEnable", enable)
    service.buckets.set(call.bucket, renames=enable == "true")
    return Answer()


async def get_renames(service: Service, call: Call) -> Answer:
    """GET /?rename."""
    return document(call, "", [("RenameEnable", bool(service.buckets.get(call.bucket).renames))])


async def delete_renames(service: Service, call: Call) -> Answer:
    """DELETE /?rename."""
    service.buckets.set(call.bucket, renames=False)
    return Answer(204)


async def rename_object(service: Service, call: Call) -> Answer:
    """PUT /key?rename&name=TO: in flat buckets, of objects, and where it was enabled."""
    bucket = service.buckets.get(call.bucket)
    if not bucket.renames:
        raise Refused("OperationNotSupported", "Renaming is not enabled for the bucket.")
    to = call.query.get("name", "")
    if not to or to == call.key:
        raise invalid("name", to)
    target = replace(call, key=to)
    guard = call.words.guard(service, target)
    service.objects.rename(bucket.name, call.key, to, guard=guard)
    return Answer()


async def get_status(service: Service, call: Call) -> Answer:
    """GET /key?stat."""
    service.buckets.get(call.bucket)
    row = service.objects.get(call.bucket, call.key)
    told: list[Node] = [
        ("Key", call.key),
        ("Size", row.size),
        ("LastModified", iso(row.modified_s)),
        ("CRC64", row.crc),
        ("ETag", call.words.etag(row.etag)),
        ("Type", row.kind),
    ]
    return document(call, "", told)


async def set_metadata(service: Service, call: Call) -> Answer:
    """POST /key?metadata: replace an object's headers without its bytes."""
    service.buckets.get(call.bucket)
    given = fields.attributes(call, service.settings.limits)
    service.objects.set_headers(call.bucket, call.key, given.headers)
    return Answer()
