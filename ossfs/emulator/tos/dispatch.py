"""The operations of TOS, in flat buckets."""

from ossfs.emulator import operations as of
from ossfs.emulator.calls import symlinks
from ossfs.emulator.dispatch import LIST, READ, Operation, Table
from ossfs.emulator.tos import calls

_HEAD_BUCKET = ((), Operation("HeadBucket", calls.head_bucket, LIST))

TABLE = Table(
    object=of.more(
        of.OBJECT,
        GET=[
            (("symlink",), Operation("GetSymlink", symlinks.get_symlink, READ)),
            (("stat",), Operation("GetFileStatus", calls.get_status, READ)),
            of.GET_OBJECT,
        ],
        HEAD=[of.HEAD_OBJECT],
        PUT=[
            (("symlink",), Operation("PutSymlink", symlinks.put_symlink)),
            (("rename",), Operation("RenameObject", calls.rename_object)),
            of.PUT_OBJECT,
        ],
        POST=[
            of.APPEND,
            of.RESTORE,
            (("metadata",), Operation("SetObjectMeta", calls.set_metadata)),
        ],
    ),
    bucket={
        **of.more(
            of.BUCKET,
            GET=[
                (("location",), Operation("GetBucketLocation", calls.get_location)),
                (("rename",), Operation("GetBucketRename", calls.get_renames)),
                of.LIST_OBJECTS,
            ],
            PUT=[
                (("rename",), Operation("PutBucketRename", calls.put_renames)),
                of.PUT_BUCKET,
            ],
            DELETE=[
                (("rename",), Operation("DeleteBucketRename", calls.delete_renames)),
                of.DELETE_BUCKET,
            ],
        ),
        "HEAD": [_HEAD_BUCKET],
    },
    service={"GET": [((), Operation("ListBuckets", calls.list_buckets))]},
    absent=frozenset(
        """accessmonitor bucketInfo cors customdomain encryption fetch fetchTask inventory
        lifecycle mirror modify notification notification_v2 payByTraffic policy realtimeLog
        recursive replication requestPayment storageClass tagging transferAcceleration trash
        website worm""".split()  # noqa: SIM905  # thirty lines otherwise
    ),
    not_configured={
        "cors": "NoSuchCORSConfiguration",
        "encryption": "NoSuchServerSideEncryptionRule",
        "lifecycle": "NoSuchLifecycleConfiguration",
        "policy": "NoSuchBucketPolicy",
        "tagging": "NoSuchTagSet",
        "website": "NoSuchWebsiteConfiguration",
    },
)
