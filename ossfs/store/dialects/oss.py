"""
The dialect of Alibaba Cloud OSS.

Threads: values.
"""

from collections.abc import Mapping
from dataclasses import replace

from ossfs import errors
from ossfs.store.api import BucketFacts, Capabilities
from ossfs.store.dialects.base import (
    Checksum,
    Dialect,
    Question,
    Signer,
    Worded,
    Words,
    encoded_path,
)
from ossfs.store.dialects.oss_v1 import OssV1
from ossfs.store.dialects.oss_v4 import OssV4
from ossfs.store.dialects.xml import XmlCodec, text_at
from ossfs.store.limits import OSS_CAPABILITIES, OSS_LIMITS

OSS_ERRORS: Mapping[str, type[errors.StoreError]] = {
    "NoSuchKey": errors.NoSuchKey,
    "NoSuchVersion": errors.NoSuchKey,
    "SymlinkTargetNotExist": errors.NoSuchKey,
    "NoSuchBucket": errors.NoSuchBucket,
    "NoSuchUpload": errors.NoSuchUpload,
    "InvalidAccessKeyId": errors.InvalidCredentials,
    "SignatureDoesNotMatch": errors.InvalidCredentials,
    "InvalidSecurityToken": errors.InvalidCredentials,
    "AccessKeyIdAndSecurityTokenNotMatch": errors.InvalidCredentials,
    "SecurityTokenExpired": errors.CredentialsExpired,
    "RequestTimeTooSkewed": errors.ClockSkewed,
    "InvalidObjectState": errors.ObjectArchived,
    "FileImmutable": errors.Immutable,  # a 409: the bucket's retention policy
    "QuotaExceeded": errors.QuotaExceeded,
    "FileAlreadyExists": errors.AlreadyExists,
    "ObjectAlreadyExists": errors.AlreadyExists,
    "PreconditionFailed": errors.PreconditionFailed,
    "PositionNotEqualToLength": errors.PositionMismatch,
    "InvalidRange": errors.RangeNotSatisfiable,
    "EntityTooLarge": errors.ObjectTooLarge,
    "InvalidObjectName": errors.InvalidName,
    "InvalidBucketName": errors.InvalidName,
    "NotImplemented": errors.NotSupported,
    "OperationNotSupported": errors.NotSupported,
    "CallbackFailed": errors.CallbackFailed,
    "RequestTimeout": errors.TimedOut,  # a 400: the body came too slowly
    "IncompleteBody": errors.ShortBody,
    "InvalidDigest": errors.ChecksumMismatch,
    "InvalidCRC64": errors.ChecksumMismatch,
    "MirrorFailed": errors.ServerFault,
    "InternalError": errors.ServerFault,
    "QpsLimitExceeded": errors.Throttled,
    "TotalQpsLimitExceeded": errors.Throttled,
    "MetaOperationQpsLimitExceeded": errors.Throttled,
    "ActiveRequestLimitExceeded": errors.Throttled,
    "CpuLimitExceeded": errors.Throttled,
    "DownloadTrafficRateLimitExceeded": errors.Throttled,
    "UploadTrafficRateLimitExceeded": errors.Throttled,
}
"""Codes whose class their HTTP status does not tell. Source: "Error codes", and the SDKs."""


def _rename(_bucket: str, source: str, target: str) -> Worded:
    """Word a rename ("Rename": only in buckets with a hierarchical namespace)."""
    headers = {"x-oss-rename-source": f"/{encoded_path(source)}"}
    return Worded("POST", target, {"x-oss-rename": ""}, headers)


def _of_info(_headers: Mapping[str, str], body: bytes, _: BucketFacts) -> BucketFacts:
    is_hierarchical = text_at(body, "Bucket", "HierarchicalNamespace") == "Enabled"
    return BucketFacts(
        versioning=text_at(body, "Bucket", "Versioning"),
        is_hierarchical=is_hierarchical,
        renames=is_hierarchical,
    )


def _heed(able: Capabilities, facts: BucketFacts) -> Capabilities:
    """Leave out what versions (forbid-overwrite is ignored) and directories exclude."""
    is_versioned = bool(facts.versioning)
    return replace(
        able,
        rename=facts.renames,
        append=able.append and not is_versioned,
        forbid_overwrite=able.forbid_overwrite and not is_versioned,
        forbid_overwrite_copy=able.forbid_overwrite_copy and not is_versioned,
        symlinks=able.symlinks and not facts.is_hierarchical,
    )


OSS_WORDS = Words(
    forbid_overwrite=("x-oss-forbid-overwrite", "true"),
    if_match="",  # there is none: OSS answers NotImplemented
    is_encoding_asked=True,
    of_range={"x-oss-range-behavior": "standard"},  # clip, or refuse
    rename=_rename,
    questions=(Question("GET", {"bucketInfo": ""}, _of_info),),
    heed=_heed,
)


def oss_dialect(*, region: str | None = None, version: int | None = None) -> Dialect:
    """
    Return OSS's dialect, signing by version 4 when the region is known, else by version 1.

    `version` asks for one of them; 4 needs a region (ValueError).
    """
    signer: Signer
    if version == 1 or (version is None and not region):
        signer = OssV1()
    elif region:
        signer = OssV4(region.removeprefix("oss-"))
    else:
        raise ValueError("signature version 4 needs a region")
    return Dialect(
        name="oss",
        prefix="x-oss-",
        limits=OSS_LIMITS,
        capabilities=OSS_CAPABILITIES,
        signer=signer,
        codec=XmlCodec(),
        errors=OSS_ERRORS,
        words=OSS_WORDS,
        checksum=Checksum("x-oss-hash-crc64ecma"),
    )
