"""
The dialect of Alibaba Cloud OSS.

Threads: values.
"""

from collections.abc import Mapping

from ossfs import errors
from ossfs.store.dialects.base import Dialect, Signer
from ossfs.store.dialects.oss_v1 import OssV1
from ossfs.store.dialects.oss_v4 import OssV4
from ossfs.store.dialects.xml import XmlCodec
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
    "FileImmutable": errors.AccessDenied,  # a 409: the bucket's retention policy
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
    )
