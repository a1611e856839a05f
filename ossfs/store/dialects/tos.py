"""
The dialect of Volcengine TOS.

Bodies are JSON, headers begin with `x-tos-`, and values of user metadata travel percent-
encoded, as the official SDK writes and reads them.

Threads: values.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, unquote

from ossfs import errors
from ossfs.store.api import BucketFacts, Capabilities
from ossfs.store.dialects.base import Checksum, Dialect, Question, Worded, Words
from ossfs.store.dialects.json_codec import JsonCodec, member_of
from ossfs.store.dialects.sigv4 import TOS, SigV4
from ossfs.store.limits import TOS_CAPABILITIES, TOS_LIMITS

TOS_ERRORS: Mapping[str, type[errors.StoreError]] = {
    "NoSuchKey": errors.NoSuchKey,
    "NoSuchVersion": errors.NoSuchKey,
    "SymlinkTargetNotExist": errors.NoSuchKey,
    "NoSuchBucket": errors.NoSuchBucket,
    "NoSuchUpload": errors.NoSuchUpload,
    "InvalidAccessKeyId": errors.InvalidCredentials,
    "SignatureDoesNotMatch": errors.InvalidCredentials,
    "InvalidSecurityToken": errors.InvalidCredentials,
    "ExpiredToken": errors.CredentialsExpired,
    "SecurityTokenExpired": errors.CredentialsExpired,
    "RequestTimeTooSkewed": errors.ClockSkewed,
    "InvalidObjectState": errors.ObjectArchived,
    "QuotaExceeded": errors.QuotaExceeded,
    "FileAlreadyExists": errors.AlreadyExists,
    "ObjectAlreadyExists": errors.AlreadyExists,
    "PreconditionFailed": errors.PreconditionFailed,
    "PositionNotEqualToLength": errors.PositionMismatch,
    "OffsetNotMatch": errors.PositionMismatch,
    "ObjectNotAppendable": errors.Conflict,
    "RestoreAlreadyInProgress": errors.Conflict,
    "InvalidRange": errors.RangeNotSatisfiable,
    "EntityTooLarge": errors.ObjectTooLarge,
    "KeyTooLong": errors.InvalidName,
    "InvalidObjectName": errors.InvalidName,
    "InvalidBucketName": errors.InvalidName,
    "NotImplemented": errors.NotSupported,
    "OperationNotSupported": errors.NotSupported,
    "MethodNotAllowed": errors.NotSupported,
    "CallbackFailed": errors.CallbackFailed,
    "RequestTimeout": errors.TimedOut,
    "IncompleteBody": errors.ShortBody,
    "BadDigest": errors.ChecksumMismatch,
    "InvalidDigest": errors.ChecksumMismatch,
    "InternalError": errors.ServerFault,
    "ServiceUnavailable": errors.Throttled,
    "SlowDown": errors.Throttled,
    "TooManyRequests": errors.Throttled,
    "ExceedAccountQPSLimit": errors.Throttled,
    "ExceedAccountRateLimit": errors.Throttled,
    "ExceedBucketQPSLimit": errors.Throttled,
    "ExceedBucketRateLimit": errors.Throttled,
}
"""Codes whose class their HTTP status does not tell. Source: "Error codes", and the SDK."""


def _rename(_bucket: str, source: str, target: str) -> Worded:
    return Worded("PUT", source, {"rename": "", "name": target}, {})


def _of_type(headers: Mapping[str, str], _: bytes, known: BucketFacts) -> BucketFacts:
    is_hierarchical = headers.get("x-tos-bucket-type") == "hns"
    return replace(known, is_hierarchical=is_hierarchical, renames=is_hierarchical)


def _of_versioning(_: Mapping[str, str], body: bytes, known: BucketFacts) -> BucketFacts:
    return replace(known, versioning=str(member_of(body, "Status") or ""))


def _of_rename(_: Mapping[str, str], body: bytes, known: BucketFacts) -> BucketFacts:
    return replace(known, renames=member_of(body, "RenameEnable") is True)


def _heed(able: Capabilities, facts: BucketFacts) -> Capabilities:
    """Leave out append where there are versions, links where directories are real."""
    return replace(
        able,
        rename=facts.renames,
        append=able.append and not facts.versioning,
        symlinks=able.symlinks and not facts.is_hierarchical,
    )


TOS_WORDS = Words(
    forbid_overwrite=("x-tos-forbid-overwrite", "true"),
    if_match="x-tos-if-match",
    acl="acl",
    is_acl_at_complete=False,
    append_position="offset",
    next_position="next-append-offset",
    metadata_sent=lambda text: quote(text, safe=""),
    metadata_read=unquote,
    rename=_rename,
    questions=(
        Question("HEAD", {}, _of_type),
        Question("GET", {"versioning": ""}, _of_versioning, of_flat_only=True),
        Question("GET", {"rename": ""}, _of_rename, of_flat_only=True),
    ),
    heed=_heed,
)


def tos_dialect(*, region: str) -> Dialect:
    """Return TOS's dialect for a region (`cn-beijing`)."""
    return Dialect(
        name="tos",
        prefix="x-tos-",
        limits=TOS_LIMITS,
        capabilities=TOS_CAPABILITIES,
        signer=SigV4(TOS, region),
        codec=JsonCodec(),
        errors=TOS_ERRORS,
        words=TOS_WORDS,
        checksum=Checksum("x-tos-hash-crc64ecma"),
    )
