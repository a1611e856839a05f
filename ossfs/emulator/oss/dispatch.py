"""
Which operation a request is, by method, level and the sub-resources in its query.

The names are those of the OSS API reference; counters and injected faults go by them.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.oss import bucket_calls, listing_calls, multipart_calls, object_calls
from ossfs.emulator.refusals import Refused
from ossfs.emulator.service import Service

READ, WRITE, LIST, OWNER_ONLY = "read", "write", "list", "owner"


class Operation(NamedTuple):
    """One operation: its name, its handler, and what an unsigned caller needs."""

    name: str
    handler: Callable[[Service, Call], Awaitable[Answer]]
    access: str = OWNER_ONLY


# Method and level → (sub-resources that must all be there, operation), first match wins.
_Rules = list[tuple[tuple[str, ...], Operation]]

_OBJECT: dict[str, _Rules] = {
    "GET": [
        (("uploadId",), Operation("ListParts", multipart_calls.list_parts)),
        (("symlink",), Operation("GetSymlink", object_calls.get_symlink, READ)),
        (("tagging",), Operation("GetObjectTagging", object_calls.get_tagging)),
        (("acl",), Operation("GetObjectACL", object_calls.get_acl)),
        (("objectMeta",), Operation("GetObjectMeta", object_calls.get_object_meta, READ)),
        ((), Operation("GetObject", object_calls.get_object, READ)),
    ],
    "HEAD": [
        (("objectMeta",), Operation("GetObjectMeta", object_calls.get_object_meta, READ)),
        ((), Operation("HeadObject", object_calls.head_object, READ)),
    ],
    "PUT": [
        (
            ("partNumber", "uploadId", "x-oss-copy-source"),
            Operation("UploadPartCopy", multipart_calls.upload_part_copy),
        ),
        (
            ("partNumber", "uploadId"),
            Operation("UploadPart", multipart_calls.upload_part, WRITE),
        ),
        (("symlink",), Operation("PutSymlink", object_calls.put_symlink)),
        (("tagging",), Operation("PutObjectTagging", object_calls.put_tagging)),
        (("acl",), Operation("PutObjectACL", object_calls.put_acl)),
        (("x-oss-copy-source",), Operation("CopyObject", object_calls.copy_object)),
        ((), Operation("PutObject", object_calls.put_object, WRITE)),
    ],
    "POST": [
        (("uploads",), Operation("InitiateMultipartUpload", multipart_calls.initiate, WRITE)),
        (("uploadId",), Operation("CompleteMultipartUpload", multipart_calls.complete, WRITE)),
        (("append",), Operation("AppendObject", object_calls.append_object, WRITE)),
        (("restore",), Operation("RestoreObject", object_calls.restore_object)),
    ],
    "DELETE": [
        (("uploadId",), Operation("AbortMultipartUpload", multipart_calls.abort, WRITE)),
        (("tagging",), Operation("DeleteObjectTagging", object_calls.delete_tagging)),
        ((), Operation("DeleteObject", object_calls.delete_object, WRITE)),
    ],
}

_BUCKET: dict[str, _Rules] = {
    "GET": [
        (("acl",), Operation("GetBucketAcl", bucket_calls.get_acl)),
        (("location",), Operation("GetBucketLocation", bucket_calls.get_location)),
        (("bucketInfo",), Operation("GetBucketInfo", bucket_calls.get_info)),
        (("stat",), Operation("GetBucketStat", bucket_calls.get_stat)),
        (("versioning",), Operation("GetBucketVersioning", bucket_calls.get_versioning)),
        (("versions",), Operation("ListObjectVersions", listing_calls.list_versions, LIST)),
        (("uploads",), Operation("ListMultipartUploads", multipart_calls.list_uploads)),
        (("list-type",), Operation("ListObjectsV2", listing_calls.list_objects_v2, LIST)),
        ((), Operation("ListObjects", listing_calls.list_objects, LIST)),
    ],
    "HEAD": [((), Operation("HeadBucket", bucket_calls.head_bucket, LIST))],
    "PUT": [
        (("acl",), Operation("PutBucketAcl", bucket_calls.put_acl)),
        (("versioning",), Operation("PutBucketVersioning", bucket_calls.put_versioning)),
        ((), Operation("PutBucket", bucket_calls.put_bucket)),
    ],
    "POST": [(("delete",), Operation("DeleteMultipleObjects", bucket_calls.delete_objects, WRITE))],
    "DELETE": [((), Operation("DeleteBucket", bucket_calls.delete_bucket))],
}

_SERVICE: dict[str, _Rules] = {
    "GET": [((), Operation("ListBuckets", bucket_calls.list_buckets))],
}

# Parts of the API that are not here; without this list, `PUT /?lifecycle` would make a bucket.
_ABSENT = frozenset(
    """cname comp cors encryption inventory lifecycle live logging metaQuery policy qos
    qosInfo referer regions replication requestPayment resourceGroup seal tagging
    transferAcceleration vod website worm wormExtend wormId x-oss-async-process x-oss-batchGet
    x-oss-delete x-oss-dir x-oss-rename""".split()  # noqa: SIM905  # forty lines otherwise
)
_NOT_CONFIGURED = {
    "cors": "NoSuchCORSConfiguration",
    "encryption": "NoSuchServerSideEncryptionRule",
    "lifecycle": "NoSuchLifecycle",
    "policy": "NoSuchBucketPolicy",
    "website": "NoSuchWebsiteConfiguration",
}


def operation_of(call: Call) -> Operation:
    """Return the operation; Refused (MethodNotAllowed, NotImplemented) when there is none."""
    levels = _OBJECT if call.key else _BUCKET if call.bucket else _SERVICE
    names = set(call.query)
    if "x-oss-copy-source" in call.headers:
        names.add("x-oss-copy-source")
    for wanted, operation in levels.get(call.method, ()):
        if names.issuperset(wanted) and (wanted or not names & _ABSENT):
            return operation
    absent = names & _ABSENT
    if not absent:
        raise Refused("MethodNotAllowed", Method=call.method, ResourceType="Object")
    name = min(absent)
    if call.method == "GET" and name in _NOT_CONFIGURED:
        return Operation("GetBucketConfiguration", _not_configured)
    raise Refused("NotImplemented", f"{name} is not implemented by this server.", Header=name)


async def _not_configured(service: Service, call: Call) -> Answer:
    service.buckets.get(call.bucket)
    raise Refused(next(code for name, code in _NOT_CONFIGURED.items() if name in call.query))


def check_access(service: Service, call: Call, operation: Operation) -> None:
    """Raise Refused (AccessDenied) when an unsigned call needs more than the ACLs give."""
    if not call.anonymous:
        return
    acl = "private"
    if call.bucket and operation.access != OWNER_ONLY:
        acl = service.buckets.get(call.bucket).acl
        row = service.objects.find(call.bucket, call.key) if call.key else None
        if row is not None and row.acl != "default" and operation.access == READ:
            acl = row.acl
    needed = (
        ("public-read-write",)
        if operation.access == WRITE
        else ("public-read", "public-read-write")
    )
    if acl not in needed:
        raise Refused("AccessDenied", EC="0003-00000001", BucketName=call.bucket)
