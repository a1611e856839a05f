"""
Refusals as OSS writes them.

The body is XML with the code, the request's id and whatever the refusal carries; HEAD
has no body, so the same document goes into `x-oss-err`, base64.
"""

import base64

from ossfs.emulator.errors import Renamed, not_modified, told
from ossfs.emulator.exchange import Answer
from ossfs.emulator.oss.words import WORDS
from ossfs.emulator.refusals import Refused
from ossfs.emulator.tree import xml_document

_EC = {
    "AccessDenied": "0003-00000001",
    "FileAlreadyExists": "0026-00000002",
    "InvalidAccessKeyId": "0002-00000902",
    "NoSuchBucket": "0015-00000101",
    "NoSuchKey": "0026-00000001",
    "NoSuchUpload": "0042-00000002",
    "PartAlreadyExist": "0042-00000108",
    "PositionNotEqualToLength": "0026-00000016",
}
_RENAMED: Renamed = {
    "BadDigest": ("InvalidDigest", 400),
    "InvalidStorageClass": ("InvalidArgument", 400),
}


def answer_of(error: Refused, *, method: str, host: str, request_id: str, path: str) -> Answer:  # noqa: ARG001  # one signature for all dialects
    """Return the answer to a request that was refused."""
    unchanged = not_modified(error)
    if unchanged is not None:
        return unchanged
    code, status, headers, fields = told(error, WORDS, _RENAMED)
    if "AccessKeyId" in fields:
        fields["OSSAccessKeyId"] = fields.pop("AccessKeyId")
    ec = fields.pop("EC", _EC.get(code, ""))
    body = xml_document(
        "Error",
        [
            ("Code", code),
            ("Message", error.message),
            ("RequestId", request_id),
            ("HostId", fields.pop("HostId", host)),
            *fields.items(),
            *([("EC", ec)] if ec else []),
        ],
    )
    if ec:
        headers["x-oss-ec"] = ec
    if method == "HEAD":
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return Answer(status, headers)
    return Answer(status, {**headers, "Content-Type": "application/xml"}, body)
