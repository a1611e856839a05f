"""Requests that S3 answers in a way of its own."""

from typing import TYPE_CHECKING

from ossfs.emulator.calls.listings import limit_of
from ossfs.emulator.calls.objects import document
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SECOND
from ossfs.emulator.service import OWNER, Service
from ossfs.emulator.times import iso

if TYPE_CHECKING:
    from ossfs.emulator.tree import Node

_MAX_BUCKETS = 1000


async def list_buckets(service: Service, call: Call) -> Answer:
    """GET / of the service."""
    limit = limit_of(call, "max-buckets", _MAX_BUCKETS)
    prefix, after = call.query.get("prefix", ""), call.query.get("continuation-token", "")
    found = service.buckets.list(prefix, after, limit + 1)
    page = found[:limit]
    buckets: list[Node] = [
        (
            "Bucket",
            [("Name", one.name), ("CreationDate", iso(one.created_ns // SECOND))],
        )
        for one in page
    ]
    owner: Node = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
    token: list[Node] = []
    if len(found) > limit:
        token = [("ContinuationToken", page[-1].name)]
    return document(call, "ListAllMyBucketsResult", [owner, ("Buckets", buckets), *token])


async def get_location(service: Service, call: Call) -> Answer:
    """GET /?location: empty in the region that has no name there."""
    service.buckets.get(call.bucket)
    region = service.settings.region
    return document(call, "LocationConstraint", "" if region == "us-east-1" else region)
