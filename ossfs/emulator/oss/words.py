"""How OSS says things."""

from collections.abc import Sequence

from ossfs.emulator.calls import guards
from ossfs.emulator.calls import headers as fields
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.listing import Listed
from ossfs.emulator.objects import Row
from ossfs.emulator.service import OWNER
from ossfs.emulator.tree import Node, parse_xml, xml_document
from ossfs.emulator.words import Words


def _acl_answer(_call: Call, acl: str) -> Answer:
    owner: Node = ("Owner", [("ID", OWNER), ("DisplayName", OWNER)])
    body = xml_document("AccessControlPolicy", [owner, ("AccessControlList", [("Grant", acl)])])
    return Answer(headers={"Content-Type": "application/xml"}, body=body)


def _extras(call: Call, row: Row) -> dict[str, str]:
    headers = fields.typed(call, row)
    if row.md5:
        headers["Content-MD5"] = row.md5
    return headers


def _listed(_call: Call, one: Listed) -> Sequence[Node]:
    return [("Type", one.kind)]


WORDS = Words(
    prefix="x-oss-",
    server="AliyunOSS",
    object_acl="x-oss-object-acl",
    bucket_acl="x-oss-acl",
    default_type="application/octet-stream",
    body_type="application/xml",
    render=xml_document,
    parse=parse_xml,
    guard=guards.none_but_forbid,
    acl_answer=_acl_answer,
    extras=_extras,
    listed=_listed,
    smallest_part=lambda limits: limits.min_part,
    upper_etags=True,
    standard_ranges=False,
    default_page=100,
    encodes_tokens=True,
    meta_name="[a-z0-9-]+",
    tells_md5=True,
    quiet_is_empty=True,
    copies_never_304=False,
    classes={
        name: name for name in ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
    },
    nearest={
        "Intelligent": "Standard",
        "ArchiveInstant": "IA",
        "OneZone": "IA",
        "Reduced": "Standard",
    },
)
