"""
Refusals as OSS writes them.

The body is XML with the code, the request's id and whatever the refusal carries; HEAD
has no body, so the same document goes into `x-oss-err`, base64.
"""

import base64

from ossfs.emulator.exchange import Answer
from ossfs.emulator.oss import xml
from ossfs.emulator.refusals import Refused

_NOT_MODIFIED = 304
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


def answer_of(error: Refused, *, method: str, host: str, request_id: str) -> Answer:
    """Return the answer to a request that was refused."""
    if error.status == _NOT_MODIFIED:
        return Answer(_NOT_MODIFIED, dict(error.headers))
    fields = dict(error.fields)
    code = fields.pop("EC", _EC.get(error.code, ""))
    body = xml.document(
        "Error",
        [
            ("Code", error.code),
            ("Message", error.message),
            ("RequestId", request_id),
            ("HostId", fields.pop("HostId", host)),
            *fields.items(),
            *([("EC", code)] if code else []),
        ],
    )
    headers = {**error.headers, **({"x-oss-ec": code} if code else {})}
    if method == "HEAD":
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return Answer(error.status, headers)
    return Answer(error.status, {**headers, "Content-Type": "application/xml"}, body)
