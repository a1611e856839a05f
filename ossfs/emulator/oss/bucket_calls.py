"""Requests about buckets, and the batch delete."""

from hashlib import md5

from ossfs.emulator.buckets import Bucket
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.objects import SECOND
from ossfs.emulator.oss import headers as fields
from ossfs.emulator.oss import xml
from ossfs.emulator.oss.listing_calls import encoder, limit_of
from ossfs.emulator.oss.object_calls import acl_answer, xml_answer
from ossfs.emulator.oss.times import iso
from ossfs.emulator.receiving import EMPTY
from ossfs.emulator.refusals import Refused
from ossfs.emulator.service import OWNER, Service

_MAX_XML = 64 * 1024
_MAX_DELETED = 1000
_OWNER: xml.Node = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
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
    paging: list[xml.Node] = []
    if truncated or {"prefix", "marker", "max-keys"} & call.query.keys():
        paging = [("Prefix", prefix), ("Marker", marker), ("MaxKeys", str(limit))]
        paging.append(("IsTruncated", "true" if truncated else "false"))
        if truncated:
            paging.append(("NextMarker", page[-1].name))
    buckets: list[xml.Node] = [("Bucket", _described(service, call, one)) for one in page]
    return xml_answer("ListAllMyBucketsResult", [*paging, _OWNER, ("Buckets", buckets)])


async def put_bucket(service: Service, call: Call) -> Answer:
    """PUT /."""
    text = await call.body.read(_MAX_XML)
    root = xml.parse(text) if text.strip() else xml.Element("")
    service.buckets.create(
        call.bucket,
        acl=call.headers.get("x-oss-acl", ""),
        storage_class=root.find("StorageClass"),
        redundancy=root.find("DataRedundancyType"),
    )
    return Answer(headers={"Location": f"/{call.bucket}"})


async def delete_bucket(service: Service, call: Call) -> Answer:
    """DELETE /."""
    service.buckets.delete(call.bucket)
    return Answer(204)


async def head_bucket(service: Service, call: Call) -> Answer:
    """HEAD /: whether the bucket is there."""
    service.buckets.get(call.bucket)
    return Answer(headers={"x-oss-bucket-region": service.settings.region})


async def get_location(service: Service, call: Call) -> Answer:
    """GET /?location."""
    service.buckets.get(call.bucket)
    return xml_answer("LocationConstraint", f"oss-{service.settings.region}")


async def get_info(service: Service, call: Call) -> Answer:
    """GET /?bucketInfo."""
    bucket = service.buckets.get(call.bucket)
    versioning: list[xml.Node] = [("Versioning", bucket.versioning)] if bucket.versioning else []
    return xml_answer(
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
    nodes: list[xml.Node] = [
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
    return xml_answer("BucketStat", nodes)


async def put_acl(service: Service, call: Call) -> Answer:
    """PUT /?acl."""
    service.buckets.set(call.bucket, acl=call.headers.get("x-oss-acl", ""))
    return Answer()


async def get_acl(service: Service, call: Call) -> Answer:
    """GET /?acl."""
    return acl_answer(service.buckets.get(call.bucket).acl)


async def get_versioning(service: Service, call: Call) -> Answer:
    """GET /?versioning."""
    status = service.buckets.get(call.bucket).versioning
    return xml_answer("VersioningConfiguration", [("Status", status)] if status else [])


async def put_versioning(service: Service, call: Call) -> Answer:
    """PUT /?versioning: only what changes nothing, since versions are not kept."""
    service.buckets.get(call.bucket)
    status = xml.parse(await call.body.read(_MAX_XML)).find("Status")
    if status not in ("Enabled", "Suspended"):
        raise Refused("MalformedXML")
    if status == "Enabled":
        raise Refused("NotImplemented", "This server does not keep versions.")
    service.buckets.set(call.bucket, versioning=status)
    return Answer()


async def delete_objects(service: Service, call: Call) -> Answer:
    """POST /?delete."""
    service.buckets.get(call.bucket)
    if "Content-MD5" not in call.headers:
        raise Refused("MissingArgument", "Missing Some Required Arguments.",
                      ArgumentName="Content-MD5")  # fmt: skip
    encode = encoder(call)
    try:
        text = await call.body.read(service.settings.limits.max_delete_body)
    except Refused as error:
        raise Refused("MalformedXML") from error
    fields.check_sums(call, EMPTY._replace(md5=md5(text, usedforsecurity=False).digest()))
    root = xml.parse(text)
    named = root.all("Object")
    if root.name != "Delete" or not 1 <= len(named) <= _MAX_DELETED:
        raise Refused("MalformedXML")
    keys = [one.find("Key") for one in named]
    if not all(keys):
        raise Refused("MalformedXML")
    current = [one.find("Key") for one in named if one.find("VersionId") in ("", "null")]
    service.objects.delete(call.bucket, current)
    if root.find("Quiet").strip().lower() == "true":
        return Answer()
    deleted: list[xml.Node] = [("Deleted", [("Key", encode(key))]) for key in keys]
    return xml_answer("DeleteResult", [*encode.node, *deleted])


def _described(service: Service, call: Call, bucket: Bucket) -> list[xml.Node]:
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
