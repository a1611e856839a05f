"""Requests about symlinks, which OSS and TOS have."""

from urllib.parse import unquote

from ossfs.emulator.calls import headers as fields
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SYMLINK
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import Service
from ossfs.emulator.times import http
from ossfs.emulator.tree import encoded


async def put_symlink(service: Service, call: Call) -> Answer:
    """PUT /key?symlink."""
    bucket = service.buckets.get(call.bucket)
    target = unquote(call.own("symlink-target") or "")
    if not target:
        raise invalid(call.words.header("symlink-target"), target)
    given = fields.attributes(call, service.settings.limits)
    guard = call.words.guard(service, call)
    row = service.objects.put_symlink(bucket, call.key, target, given, guard=guard)
    return Answer(headers={"ETag": call.words.etag(row.etag)})


async def get_symlink(service: Service, call: Call) -> Answer:
    """GET /key?symlink."""
    service.buckets.get(call.bucket)
    row = service.objects.get(call.bucket, call.key)
    if row.kind != SYMLINK:
        raise Refused("NotSymlink", Key=call.key)
    return Answer(
        headers={
            call.words.header("symlink-target"): encoded(row.target),
            "ETag": call.words.etag(row.etag),
            "Last-Modified": http(row.modified_s),
        }
    )
