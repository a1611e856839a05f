"""
What the server says no with.

Operations raise `Refused` with a code of the OSS vocabulary (or S3's, for what OSS does not
have) and never speak HTTP; a dialect puts the code, its status and the extra fields into
its own words.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})

_CODES_BY_STATUS = {
    203: "CallbackFailed",
    304: "NotModified",
    400: "InvalidArgument MissingArgument InvalidBucketName InvalidObjectName TooManyBuckets "
    "InvalidDigest InvalidCRC64 MalformedXML EntityTooLarge EntityTooSmall InvalidPart "
    "InvalidPartOrder FilePartNotExist PartNotSequential IncompleteBody RequestTimeout InvalidURI "
    "InvalidRequest BadRequest NotImplemented OperationNotSupported NotSymlink MetadataTooLarge "
    "InvalidTargetType InvalidTag BadDigest XAmzContentSHA256Mismatch "
    "MalformedTrailerError AuthorizationHeaderMalformed AuthorizationQueryParametersError "
    "InvalidEncryptionAlgorithmError InvalidStorageClass",
    403: "AccessDenied SignatureDoesNotMatch InvalidAccessKeyId InvalidSecurityToken "
    "SecurityTokenExpired AccessKeyIdAndSecurityTokenNotMatch RequestTimeTooSkewed "
    "SecondLevelDomainForbidden InvalidObjectState",
    404: "NoSuchBucket NoSuchKey NoSuchUpload NoSuchVersion SymlinkTargetNotExist "
    "NoSuchLifecycle NoSuchCORSConfiguration NoSuchWebsiteConfiguration NoSuchBucketPolicy "
    "NoSuchServerSideEncryptionRule ServerSideEncryptionConfigurationNotFoundError "
    "NoSuchLifecycleConfiguration ObjectLockConfigurationNotFoundError NoSuchTagSet "
    "OwnershipControlsNotFoundError NoSuchPublicAccessBlockConfiguration "
    "ReplicationConfigurationNotFoundError",
    405: "MethodNotAllowed",
    409: "BucketAlreadyExists BucketAlreadyOwnedByYou ConditionalRequestConflict "
    "BucketNotEmpty PositionNotEqualToLength ObjectNotAppendable "
    "FileAlreadyExists RestoreAlreadyInProgress PartAlreadyExist",
    411: "MissingContentLength",
    412: "PreconditionFailed",
    416: "InvalidRange",
    500: "InternalError",
    503: "ServiceUnavailable DownloadTrafficRateLimitExceeded UploadTrafficRateLimitExceeded "
    "MetaOperationQpsLimitExceeded TotalQpsLimitExceeded ActiveRequestLimitExceeded "
    "CpuLimitExceeded QpsLimitExceeded",
}
STATUS = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes.split()}

_MESSAGES = {
    "AccessDenied": "You have no right to access this object because of bucket acl.",
    "BucketNotEmpty": "The bucket you tried to delete is not empty.",
    "EntityTooLarge": "Your proposed upload exceeds the maximum allowed size.",
    "FileAlreadyExists": "The object you specified already exists and can not be overwritten.",
    "InvalidAccessKeyId": "The OSS Access Key Id you provided does not exist in our records.",
    "BadDigest": "The checksum you specified did not match what was received.",
    "InvalidDigest": "The Content-MD5 you specified was invalid.",
    "BucketAlreadyOwnedByYou": "The bucket exists and you own it.",
    "ConditionalRequestConflict": "A conflicting operation happened during the request.",
    "InvalidCRC64": "The x-oss-hash-crc64ecma you specified does not match the received bytes.",
    "InvalidObjectName": "The specified object is not valid.",
    "InvalidObjectState": "The operation is not valid for the object's state",
    "InvalidRange": "The requested range cannot be satisfied",
    "MalformedXML": "The XML you provided was not well-formed.",
    "MissingContentLength": "You must provide the Content-Length HTTP header.",
    "NoSuchBucket": "The specified bucket does not exist.",
    "NoSuchKey": "The specified key does not exist.",
    "NoSuchUpload": "The specified upload does not exist. The upload ID may be invalid, "
    "or the upload may have been aborted or completed.",
    "NotModified": "Not Modified",
    "NotSymlink": "The object is not symlink",
    "ObjectNotAppendable": "The object is not appendable",
    "PreconditionFailed": "At least one of the pre-conditions you specified did not hold.",
    "RestoreAlreadyInProgress": "The restore operation is in progress.",
    "SymlinkTargetNotExist": "The symlink target object does not exist.",
}


class Refused(Exception):
    """
    The request is refused with an error `code`; `fields` and `more` go into its body.

    `status` is given only for codes outside the table (injected ones), `headers` are sent
    with the answer.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int = 0,
        headers: Mapping[str, str] = _NOTHING,
        fields: Mapping[str, str] = _NOTHING,
        **more: str,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or _MESSAGES.get(code, code)
        self.injected = bool(status)
        """The code is what a fault's rule says: no dialect has another word for it."""
        self.status = status or STATUS.get(code, 400)
        self.headers = headers
        self.fields = {**fields, **more}


def invalid(name: str, value: object, message: str = "") -> Refused:
    """Return the refusal of one argument's value."""
    return Refused(
        "InvalidArgument",
        message or f"The value of {name} is invalid.",
        ArgumentName=name,
        ArgumentValue=str(value),
    )
