"""The operations of S3."""

from ossfs.emulator import operations as of
from ossfs.emulator.dispatch import Operation, Table
from ossfs.emulator.s3 import calls

TABLE = Table(
    object=of.more(
        of.OBJECT,
        GET=[of.GET_OBJECT],
        HEAD=[of.HEAD_OBJECT],
        PUT=[of.PUT_OBJECT],
        POST=[of.RESTORE],
    ),
    bucket=of.more(
        of.BUCKET,
        GET=[(("location",), Operation("GetBucketLocation", calls.get_location)), of.LIST_OBJECTS],
        PUT=[of.PUT_BUCKET],
        DELETE=[of.DELETE_BUCKET],
    ),
    service={"GET": [((), Operation("ListBuckets", calls.list_buckets))]},
    absent=frozenset(
        """accelerate analytics attributes cors encryption intelligent-tiering inventory
        legal-hold lifecycle logging metadataTable metrics notification object-lock
        ownershipControls partNumber policy policyStatus publicAccessBlock renameObject replication
        requestPayment retention select session tagging torrent website""".split()  # noqa: SIM905  # twenty lines otherwise
    ),
    not_configured={
        "cors": "NoSuchCORSConfiguration",
        "encryption": "ServerSideEncryptionConfigurationNotFoundError",
        "lifecycle": "NoSuchLifecycleConfiguration",
        "object-lock": "ObjectLockConfigurationNotFoundError",
        "ownershipControls": "OwnershipControlsNotFoundError",
        "policy": "NoSuchBucketPolicy",
        "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
        "replication": "ReplicationConfigurationNotFoundError",
        "tagging": "NoSuchTagSet",
        "website": "NoSuchWebsiteConfiguration",
    },
)
