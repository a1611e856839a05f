"""
The dialect of Amazon S3, and of the many that speak it.

Whole bodies are proved by CRC-32, sent before them: S3 and most of its kin refuse a body
that differs before anything is stored, since the AWS SDKs send it with every upload. The
alternatives cost more or prove less: Content-MD5 takes ten times the processor time,
CRC-64/NVME has no fast implementation for Python and fewer servers that verify it, a
trailer behind the body is refused by servers that do not know `aws-chunked`, and an ETag is
an MD5 only without KMS. The second reading of the bytes comes out of the page cache and
costs about 0.1 CPU-seconds for a gigabyte. Reads of whole objects are compared with the
CRC-32 that S3 tells when asked to, except for objects whose checksum is one of checksums.

Threads: values.
"""

import base64
import struct
from collections.abc import Mapping
from dataclasses import replace

from ossfs import errors
from ossfs.store.crc32 import crc32
from ossfs.store.dialects.base import Checksum, Dialect, Words
from ossfs.store.dialects.sigv4 import AWS, SigV4
from ossfs.store.dialects.xml import XmlCodec
from ossfs.store.limits import S3_CAPABILITIES, S3_LIMITS

S3_ERRORS: Mapping[str, type[errors.StoreError]] = {
    "NoSuchKey": errors.NoSuchKey,
    "NoSuchVersion": errors.NoSuchKey,
    "NoSuchBucket": errors.NoSuchBucket,
    "NoSuchUpload": errors.NoSuchUpload,
    "InvalidAccessKeyId": errors.InvalidCredentials,
    "SignatureDoesNotMatch": errors.InvalidCredentials,
    "InvalidToken": errors.InvalidCredentials,
    "AuthorizationHeaderMalformed": errors.InvalidCredentials,  # another region, says the body
    "ExpiredToken": errors.CredentialsExpired,
    "TokenRefreshRequired": errors.CredentialsExpired,
    "RequestTimeTooSkewed": errors.ClockSkewed,
    "RequestExpired": errors.ClockSkewed,
    "InvalidObjectState": errors.ObjectArchived,
    "QuotaExceeded": errors.QuotaExceeded,  # Ceph; a 403
    "XMinioAdminBucketQuotaExceeded": errors.QuotaExceeded,  # MinIO; a 400
    "InsufficientStorageSpace": errors.QuotaExceeded,  # Huawei; a 403
    "PreconditionFailed": errors.PreconditionFailed,
    "ConditionalRequestConflict": errors.Transient,  # two conditional writes at once
    "OperationAborted": errors.Transient,
    "RestoreAlreadyInProgress": errors.Conflict,
    "InvalidRange": errors.RangeNotSatisfiable,
    "EntityTooLarge": errors.ObjectTooLarge,
    "KeyTooLongError": errors.InvalidName,
    "InvalidBucketName": errors.InvalidName,
    "NotImplemented": errors.NotSupported,
    "MethodNotAllowed": errors.NotSupported,
    "RequestTimeout": errors.TimedOut,  # a 400: the body came too slowly
    "IncompleteBody": errors.ShortBody,
    "BadDigest": errors.ChecksumMismatch,
    "InvalidDigest": errors.ChecksumMismatch,
    "XAmzContentChecksumMismatch": errors.ChecksumMismatch,
    "XAmzContentSHA256Mismatch": errors.ChecksumMismatch,
    "InternalError": errors.ServerFault,
    "ServiceUnavailable": errors.Throttled,
    "SlowDown": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "TooManyRequests": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "BandwidthLimitExceeded": errors.Throttled,
}
"""Codes whose class their HTTP status does not tell. Source: "Error responses"."""


def written_crc32(value: int) -> str:
    """Return a checksum as S3 writes it: big-endian, in Base64."""
    return base64.b64encode(struct.pack(">I", value)).decode()


def read_crc32(text: str) -> int | None:
    """Read it; None: it is one of the checksums of parts (`…-3`). ValueError."""
    if "-" in text:
        return None
    try:
        return int(struct.unpack(">I", base64.b64decode(text, validate=True))[0])
    except struct.error as error:
        raise ValueError(f"not a CRC-32: {text!r}") from error


S3_CHECKSUM = Checksum(
    header="x-amz-checksum-crc32",
    add=crc32,
    written=written_crc32,
    read=read_crc32,
    is_sent_first=True,
    of_upload={"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"},
)

S3_WORDS = Words(
    forbid_overwrite=("if-none-match", "*"),
    if_match="if-match",
    of_get={"x-amz-checksum-mode": "ENABLED"},
    acl="acl",
    is_acl_at_complete=False,
    encryption_key_id="server-side-encryption-aws-kms-key-id",
)

S3_CODEC = XmlCodec(
    namespace="http://s3.amazonaws.com/doc/2006-03-01/",
    is_token_encoded=False,
    checksum="ChecksumCRC32",
    tier_parent="GlacierJobParameters",
)


def s3_dialect(
    *, region: str, conditional_writes: bool = True, conditional_copies: bool = False
) -> Dialect:
    """
    Return S3's dialect for a region.

    A server that does not know conditional writes ignores them, and overwrites: say so, and
    whoever asks for one gets NotSupported instead. Copies under a condition are younger
    (Amazon has them since the end of 2025), hence not assumed.
    """
    capabilities = S3_CAPABILITIES
    if not conditional_writes:
        capabilities = replace(
            capabilities,
            forbid_overwrite=False,
            conditional_put=False,
            conditional_complete=False,
        )
    elif conditional_copies:
        capabilities = replace(capabilities, forbid_overwrite_copy=True)
    return Dialect(
        name="s3",
        prefix="x-amz-",
        limits=S3_LIMITS,
        capabilities=capabilities,
        signer=SigV4(AWS, region),
        codec=S3_CODEC,
        errors=S3_ERRORS,
        words=S3_WORDS,
        checksum=S3_CHECKSUM,
        own_errors={("complete_upload", "ConditionalRequestConflict"): errors.Conflict},
    )
