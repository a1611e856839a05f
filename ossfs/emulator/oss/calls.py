"""Requests that only OSS has, or answers in a way of its own."""

from ossfs.emulator import conditions
from ossfs.emulator.buckets import Bucket
from ossfs.emulator.calls import headers as fields
from ossfs.emulator.calls.listings import limit_of
from ossfs.emulator.calls.objects import document
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SECOND
from ossfs.emulator.service import OWNER, Service
from ossfs.emulator.times import http, iso
from ossfs.emulator.tree import Node

_OWNER: Node = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
_STAT_NAMES = {
    "Standard": "Standard",
    "IA": "InfrequentAccess",
    "Archive": "Archive",
    "ColdArchive": "ColdArchive",
    "DeepColdArchive": "DeepColdArchive",
}


async def list_buckets(service: Service, call: Call) -> Answer:
    """GET / of the service."""
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    limit = limit_of(call, "max-keys", 100)
    found = service.buckets.list(prefix, marker, limit + 1)
    page, truncated = found[:limit], len(found) > limit
    paging: list[Node] = []
    if truncated or {"prefix", "marker", "max-keys"} & call.query.keys():
        paging = [("Prefix", prefix), ("Marker", marker), ("MaxKeys", limit)]
        paging.append(("IsTruncated", truncated))
        if truncated:
            paging.append(("NextMarker", page[-1].name))
    buckets: list[Node] = [("Bucket", _described(service, call, one)) for one in page]
    return document(call, "ListAllMyBucketsResult", [*paging, _OWNER, ("Buckets", buckets)])


async def get_location(service: Service, call: Call) -> Answer:
    """GET /?location."""
    service.buckets.get(call.bucket)
    return document(call, "LocationConstraint", f"oss-{service.settings.region}")


async def get_info(service: Service, call: Call) -> Answer:
    """GET /?bucketInfo."""
    bucket = service.buckets.get(call.bucket)
    versioning: list[Node] = [("Versioning", bucket.versioning)] if bucket.versioning else []
    return document(
        call,
        "BucketInfo",
        [
            (
                "Bucket",
                [
                    *_described(service, call, bucket),
                    ("DataRedundancyType", bucket.redundancy),
                    _OWNER,
                    ("AccessControlList", [("Grant", bucket.acl)]),
                    *versioning,
                    ("Comment", ""),
                    ("AccessMonitor", "Disabled"),
                    ("BlockPublicAccess", "false"),
                    ("CrossRegionReplication", "Disabled"),
                    ("TransferAcceleration", "Disabled"),
                    ("ResourceGroupId", "rg-default"),
                    ("ServerSideEncryptionRule", [("SSEAlgorithm", "None")]),
                    ("BucketPolicy", [("LogBucket", ""), ("LogPrefix", "")]),
                ],
            )
        ],
    )


async def get_stat(service: Service, call: Call) -> Answer:
    """GET /?stat."""
    usage = service.buckets.usage(call.bucket)
    by_class = {name: (size, count) for name, size, count in usage.classes}
    nodes: list[Node] = [
        ("Storage", str(sum(size for size, _ in by_class.values()))),
        ("ObjectCount", str(sum(count for _, count in by_class.values()))),
        ("MultipartUploadCount", str(usage.uploads)),
        ("LiveChannelCount", "0"),
        ("LastModifiedTime", str(usage.modified_ns // SECOND)),
    ]
    for stored, name in _STAT_NAMES.items():
        size, count = by_class.get(stored, (0, 0))
        nodes.append((f"{name}Storage", str(size)))
        if stored != "Standard":
            nodes.append((f"{name}RealStorage", str(size)))
        nodes.append((f"{name}ObjectCount", str(count)))
    return document(call, "BucketStat", nodes)


async def get_object_meta(service: Service, call: Call) -> Answer:
    """HEAD /key?objectMeta: the cheap subset; of a symlink, the link's own."""
    service.buckets.get(call.bucket)
    fields.current_only(call)
    row = service.objects.get(call.bucket, call.key)
    conditions.check(call.headers, row.etag, row.modified_s)
    headers = {
        **fields.sums_told(call, row),
        "Last-Modified": http(row.modified_s),
        "x-oss-object-type": row.kind,
        "Content-Length": str(row.size) if call.method == "HEAD" else "0",
    }
    return Answer(headers=headers)


def _described(service: Service, call: Call, bucket: Bucket) -> list[Node]:
    region = service.settings.region
    endpoint = call.host.removeprefix(f"{bucket.name}.")
    return [
        ("CreationDate", iso(bucket.created_ns // SECOND)),
        ("ExtranetEndpoint", endpoint),
        ("IntranetEndpoint", endpoint),
        ("Location", f"oss-{region}"),
        ("Name", bucket.name),
        ("Region", region),
        ("StorageClass", bucket.storage_class),
    ]
