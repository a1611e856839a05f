"""The operations of OSS."""

from ossfs.emulator import operations as of
from ossfs.emulator.calls import symlinks
from ossfs.emulator.dispatch import READ, Operation, Table
from ossfs.emulator.oss import calls

_META = (("objectMeta",), Operation("GetObjectMeta", calls.get_object_meta, READ))
_GET_SYMLINK = (("symlink",), Operation("GetSymlink", symlinks.get_symlink, READ))

TABLE = Table(
    object=of.more(
        of.OBJECT,
        GET=[_GET_SYMLINK, _META, of.GET_OBJECT],
        HEAD=[_META, of.HEAD_OBJECT],
        PUT=[(("symlink",), Operation("PutSymlink", symlinks.put_symlink)), of.PUT_OBJECT],
        POST=[of.APPEND, of.RESTORE],
    ),
    bucket=of.more(
        of.BUCKET,
        GET=[
            (("location",), Operation("GetBucketLocation", calls.get_location)),
            (("bucketInfo",), Operation("GetBucketInfo", calls.get_info)),
            (("stat",), Operation("GetBucketStat", calls.get_stat)),
            of.LIST_OBJECTS,
        ],
        PUT=[of.PUT_BUCKET],
        DELETE=[of.DELETE_BUCKET],
    ),
    service={"GET": [((), Operation("ListBuckets", calls.list_buckets))]},
    absent=frozenset(
        """cname comp cors encryption inventory lifecycle live logging metaQuery policy qos
        qosInfo referer regions replication requestPayment resourceGroup seal tagging
        transferAcceleration vod website worm wormExtend wormId x-oss-async-process x-oss-batchGet
        x-oss-delete x-oss-dir x-oss-rename""".split()  # noqa: SIM905  # forty lines otherwise
    ),
    not_configured={
        "cors": "NoSuchCORSConfiguration",
        "encryption": "NoSuchServerSideEncryptionRule",
        "lifecycle": "NoSuchLifecycle",
        "policy": "NoSuchBucketPolicy",
        "website": "NoSuchWebsiteConfiguration",
    },
)
