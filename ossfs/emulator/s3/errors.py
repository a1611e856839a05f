"""Refusals as S3 writes them: XML without a namespace; HEAD has only the status."""

from ossfs.emulator.errors import Renamed, not_modified, told
from ossfs.emulator.exchange import Answer
from ossfs.emulator.refusals import Refused
from ossfs.emulator.s3.words import WORDS
from ossfs.emulator.tree import xml_document

_RENAMED: Renamed = {
    "InvalidObjectName": ("KeyTooLongError", 400),
    "InvalidSecurityToken": ("InvalidToken", 400),
    "MissingArgument": ("InvalidRequest", 400),
    "NotImplemented": ("NotImplemented", 501),
    "OperationNotSupported": ("InvalidObjectState", 403),
    "SecurityTokenExpired": ("ExpiredToken", 400),
    "SymlinkTargetNotExist": ("NoSuchKey", 404),
    "InvalidTargetType": ("NoSuchKey", 404),
    "InvalidEncryptionAlgorithmError": ("InvalidEncryptionAlgorithmError", 400),
}


def answer_of(error: Refused, *, method: str, host: str, request_id: str, path: str) -> Answer:
    """Return the answer to a request that was refused."""
    unchanged = not_modified(error)
    if unchanged is not None:
        return unchanged
    code, status, headers, fields = told(error, WORDS, _RENAMED)
    fields.pop("EC", "")
    if "AccessKeyId" in fields:
        fields["AWSAccessKeyId"] = fields.pop("AccessKeyId")
    if method == "HEAD":
        return Answer(status, headers)
    body = xml_document(
        "Error",
        [
            ("Code", code),
            ("Message", error.message),
            *fields.items(),
            ("Resource", path),
            ("RequestId", request_id),
            ("HostId", host),
        ],
    )
    return Answer(status, {**headers, "Content-Type": "application/xml"}, body)
