"""Requests about buckets that every dialect has, and the batch delete."""

from hashlib import md5

from ossfs.emulator.calls import headers as fields
from ossfs.emulator.calls.listings import encoder
from ossfs.emulator.calls.objects import document
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.receiving import EMPTY
from ossfs.emulator.refusals import Refused
from ossfs.emulator.service import Service
from ossfs.emulator.tree import Element, Node

_MAX_XML = 64 * 1024
_MAX_DELETED = 1000


async def put_bucket(service: Service, call: Call) -> Answer:
    """PUT /."""
    text = await call.body.read(_MAX_XML)
    root = call.words.parse(text) if text.strip() else Element("")
    service.buckets.create(
        call.bucket,
        acl=call.headers.get(call.words.bucket_acl, ""),
        storage_class=root.find("StorageClass") or fields.storage_class(call),
        redundancy=root.find("DataRedundancyType"),
        new=call.words.sole_owner,
    )
    return Answer(headers={"Location": f"/{call.bucket}"})


async def delete_bucket(service: Service, call: Call) -> Answer:
    """DELETE /."""
    service.buckets.delete(call.bucket)
    return Answer(204)


async def head_bucket(service: Service, call: Call) -> Answer:
    """HEAD /: whether the bucket is there."""
    service.buckets.get(call.bucket)
    return Answer(headers={call.words.header("bucket-region"): service.settings.region})


async def put_acl(service: Service, call: Call) -> Answer:
    """PUT /?acl."""
    service.buckets.set(call.bucket, acl=call.headers.get(call.words.bucket_acl, ""))
    return Answer()


async def get_acl(service: Service, call: Call) -> Answer:
    """GET /?acl."""
    return call.words.acl_answer(call, service.buckets.get(call.bucket).acl)


async def get_versioning(service: Service, call: Call) -> Answer:
    """GET /?versioning."""
    status = service.buckets.get(call.bucket).versioning
    return document(call, "VersioningConfiguration", [("Status", status)] if status else [])


async def put_versioning(service: Service, call: Call) -> Answer:
    """PUT /?versioning: only what changes nothing, since versions are not kept."""
    service.buckets.get(call.bucket)
    status = call.words.parse(await call.body.read(_MAX_XML)).find("Status")
    if status not in ("Enabled", "Suspended"):
        raise Refused("MalformedXML")
    if status == "Enabled":
        raise Refused("NotImplemented", "This server does not keep versions.")
    service.buckets.set(call.bucket, versioning=status)
    return Answer()


async def delete_objects(service: Service, call: Call) -> Answer:
    """POST /?delete."""
    service.buckets.get(call.bucket)
    needed = call.words.deletes_need
    if not any(name in call.headers for name in needed):
        raise Refused(
            "MissingArgument",
            f"Missing required header for this request: {' or '.join(needed)}",
            ArgumentName=needed[0],
        )
    encode = encoder(call)
    try:
        text = await call.body.read(service.settings.limits.max_delete_body)
    except Refused as error:
        if error.code == "EntityTooLarge":
            raise Refused("MalformedXML") from error
        raise
    fields.check_sums(call, EMPTY._replace(md5=md5(text, usedforsecurity=False).digest()))
    root = call.words.parse(text)
    named = root.all("Object")
    if root.name not in ("", "Delete") or not 1 <= len(named) <= _MAX_DELETED:
        raise Refused("MalformedXML")
    keys = [one.find("Key") for one in named]
    if not all(keys):
        raise Refused("MalformedXML")
    current = [one.find("Key") for one in named if one.find("VersionId") in ("", "null")]
    service.objects.delete(call.bucket, current)
    if root.find("Quiet").strip().lower() == "true":
        return Answer() if call.words.quiet_is_empty else document(call, "DeleteResult", [])
    deleted: list[Node] = [("Deleted", [("Key", encode(key))]) for key in keys]
    return document(call, "DeleteResult", [*encode.node, *deleted])
