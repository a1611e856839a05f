"""The operations that all dialects have, by method and sub-resource."""

from ossfs.emulator.calls import buckets, listings, multipart, objects
from ossfs.emulator.dispatch import COPY_SOURCE, LIST, READ, WRITE, Operation, Rules

GET_OBJECT = ((), Operation("GetObject", objects.get_object, READ))
HEAD_OBJECT = ((), Operation("HeadObject", objects.head_object, READ))
PUT_OBJECT = ((), Operation("PutObject", objects.put_object, WRITE))
APPEND = (("append",), Operation("AppendObject", objects.append_object, WRITE))
RESTORE = (("restore",), Operation("RestoreObject", objects.restore_object))

OBJECT: Rules = {
    "GET": [
        (("uploadId",), Operation("ListParts", multipart.list_parts)),
        (("tagging",), Operation("GetObjectTagging", objects.get_tagging)),
        (("acl",), Operation("GetObjectACL", objects.get_acl)),
    ],
    "HEAD": [],
    "PUT": [
        (
            ("partNumber", "uploadId", COPY_SOURCE),
            Operation("UploadPartCopy", multipart.upload_part_copy),
        ),
        (("partNumber", "uploadId"), Operation("UploadPart", multipart.upload_part, WRITE)),
        (("tagging",), Operation("PutObjectTagging", objects.put_tagging)),
        (("acl",), Operation("PutObjectACL", objects.put_acl)),
        ((COPY_SOURCE,), Operation("CopyObject", objects.copy_object)),
    ],
    "POST": [
        (("uploads",), Operation("InitiateMultipartUpload", multipart.initiate, WRITE)),
        (("uploadId",), Operation("CompleteMultipartUpload", multipart.complete, WRITE)),
    ],
    "DELETE": [
        (("uploadId",), Operation("AbortMultipartUpload", multipart.abort, WRITE)),
        (("tagging",), Operation("DeleteObjectTagging", objects.delete_tagging)),
        ((), Operation("DeleteObject", objects.delete_object, WRITE)),
    ],
}

BUCKET: Rules = {
    "GET": [
        (("acl",), Operation("GetBucketAcl", buckets.get_acl)),
        (("versioning",), Operation("GetBucketVersioning", buckets.get_versioning)),
        (("versions",), Operation("ListObjectVersions", listings.list_versions, LIST)),
        (("uploads",), Operation("ListMultipartUploads", multipart.list_uploads)),
        (("list-type",), Operation("ListObjectsV2", listings.list_objects_v2, LIST)),
    ],
    "HEAD": [((), Operation("HeadBucket", buckets.head_bucket, LIST))],
    "PUT": [
        (("acl",), Operation("PutBucketAcl", buckets.put_acl)),
        (("versioning",), Operation("PutBucketVersioning", buckets.put_versioning)),
    ],
    "POST": [(("delete",), Operation("DeleteMultipleObjects", buckets.delete_objects, WRITE))],
    "DELETE": [],
}
LIST_OBJECTS = ((), Operation("ListObjects", listings.list_objects, LIST))
PUT_BUCKET = ((), Operation("PutBucket", buckets.put_bucket))
DELETE_BUCKET = ((), Operation("DeleteBucket", buckets.delete_bucket))


def more(rules: Rules, **by_method: list[tuple[tuple[str, ...], Operation]]) -> Rules:
    """Return the rules with further ones behind them; those without a condition come last."""
    return {method: [*rules[method], *by_method.get(method, ())] for method in rules}
