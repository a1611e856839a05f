"""
Refusals as TOS writes them: JSON; HEAD has only the status and the error's number.

The codes of an expired and of a wrong token, and of forbidden overwriting, are the
closest of its relatives': no published list names them.
"""

from ossfs.emulator.errors import Renamed, not_modified, told
from ossfs.emulator.exchange import Answer
from ossfs.emulator.refusals import Refused
from ossfs.emulator.tos.words import WORDS
from ossfs.emulator.tree import Node, json_document

_RENAMED: Renamed = {
    "FileAlreadyExists": ("ObjectAlreadyExists", 409),
    "InvalidObjectName": ("InvalidObjectName", 400),
    "InvalidSecurityToken": ("InvalidSecurityToken", 403),
    "MalformedXML": ("MalformedJSON", 400),
    "ObjectNotAppendable": ("ObjectNotAppendable", 409),
    "PositionNotEqualToLength": ("OffsetNotMatched", 409),
    "SecurityTokenExpired": ("ExpiredToken", 403),
    "NotImplemented": ("NotImplemented", 501),
}


def answer_of(error: Refused, *, method: str, host: str, request_id: str, path: str) -> Answer:
    """Return the answer to a request that was refused."""
    unchanged = not_modified(error)
    if unchanged is not None:
        return unchanged
    code, status, headers, fields = told(error, WORDS, _RENAMED)
    ec = fields.pop("EC", "")
    if ec:
        headers["x-tos-ec"] = ec
    if method == "HEAD":
        return Answer(status, headers)
    content: list[Node] = [
        ("Code", code),
        ("Message", error.message),
        ("RequestId", request_id),
        ("HostId", host),
        ("Resource", path),
        ("EC", ec),
        *((name, value) for name, value in fields.items() if name != "Resource"),
    ]
    headers["Content-Type"] = "application/json"
    return Answer(status, headers, json_document("", content))
