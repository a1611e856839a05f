"""How S3 says things."""

import json
from collections.abc import Sequence

from ossfs.emulator import checksums
from ossfs.emulator.calls import guards
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.listing import Listed
from ossfs.emulator.objects import Row
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import OWNER
from ossfs.emulator.tree import Content, Node, parse_xml, xml_document
from ossfs.emulator.words import Words

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_GROUP = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{}">{}</Grantee>'
_EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
_PUBLIC = {"public-read": ("READ",), "public-read-write": ("READ", "WRITE")}


def render(name: str, content: Content) -> bytes:
    """Return a document in S3's namespace."""
    return xml_document(name, content, NAMESPACE)


def _acl_answer(_call: Call, acl: str) -> Answer:
    """Return the grants of a canned ACL; grantees have an attribute, so it is put together."""
    user = _GROUP.format("CanonicalUser", f"<ID>{OWNER}</ID><DisplayName>{OWNER}</DisplayName>")
    grants = [(user, "FULL_CONTROL")]
    everybody = _GROUP.format("Group", f"<URI>{_EVERYBODY}</URI>")
    grants += [(everybody, permission) for permission in _PUBLIC.get(acl, ())]
    rendered = "".join(
        f"<Grant>{grantee}<Permission>{permission}</Permission></Grant>"
        for grantee, permission in grants
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<AccessControlPolicy xmlns="{NAMESPACE}"><Owner><ID>{OWNER}</ID>'
        f"<DisplayName>{OWNER}</DisplayName></Owner>"
        f"<AccessControlList>{rendered}</AccessControlList></AccessControlPolicy>"
    )
    return Answer(headers={"Content-Type": "application/xml"}, body=body.encode())


def _extras(call: Call, row: Row) -> dict[str, str]:
    headers = {}
    stored_in = WORDS.storage_class(row.storage_class)
    if stored_in != "STANDARD":  # S3 does not say it of the standard class
        headers["x-amz-storage-class"] = stored_in
    asked = call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    if row.sums and asked and "Range" not in call.headers:
        sums: dict[str, str] = json.loads(row.sums)
        headers |= {f"x-amz-checksum-{name}": value for name, value in sums.items()}
    return headers


def _sum_nodes(row: Row) -> Sequence[Node]:
    sums: dict[str, str] = json.loads(row.sums) if row.sums else {}
    return [
        (f"Checksum{name.upper() if name != 'type' else 'Type'}", v) for name, v in sums.items()
    ]


def _listed(_call: Call, one: Listed) -> Sequence[Node]:
    sums: dict[str, str] = json.loads(one.sums) if one.sums else {}
    kind = sums.pop("type", "")
    named: list[Node] = [("ChecksumAlgorithm", name.upper()) for name in sums]
    return [*named, *([("ChecksumType", kind)] if kind else [])]


def _upload_sums(call: Call) -> dict[str, str]:
    """Return algorithm and type of the checksum that Create asks for."""
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower()
    kind = call.headers.get("x-amz-checksum-type", "").upper()
    if not algorithm:
        if kind:
            raise Refused("InvalidRequest", "A checksum type needs a checksum algorithm.")
        return {}
    if algorithm not in checksums.ALGORITHMS:
        raise invalid("x-amz-checksum-algorithm", algorithm)
    usual = checksums.FULL_OBJECT if algorithm == "crc64nvme" else checksums.COMPOSITE
    kind = kind or usual
    possible = {checksums.COMPOSITE} if algorithm != "crc64nvme" else set()
    if checksums.can_span(algorithm):
        possible.add(checksums.FULL_OBJECT)
    if kind not in possible:
        raise Refused(
            "InvalidRequest", f"The {kind} checksum type cannot be used with {algorithm}."
        )
    return {"algorithm": algorithm, "type": kind}


def _expected(call: Call) -> dict[str, str]:
    names = {name: f"x-amz-checksum-{name}" for name in checksums.ALGORITHMS}
    names["size"] = "x-amz-mp-object-size"
    return {name: call.headers[own] for name, own in names.items() if own in call.headers}


WORDS = Words(
    prefix="x-amz-",
    server="AmazonS3",
    object_acl="x-amz-acl",
    bucket_acl="x-amz-acl",
    default_type="binary/octet-stream",
    body_type="application/xml",
    render=render,
    parse=parse_xml,
    guard=guards.conditional,
    acl_answer=_acl_answer,
    extras=_extras,
    upload_sums=_upload_sums,
    expected=_expected,
    sum_nodes=_sum_nodes,
    listed=_listed,
    smallest_part=lambda limits: limits.min_large_part,
    clips_pages=True,
    always_next_marker=False,
    url_safe="/",
    max_metadata=2048,
    counts_prefix=False,
    rejects_slash=False,
    key_bytes=1024,
    deletes_need=("Content-MD5", *(f"x-amz-checksum-{name}" for name in checksums.ALGORITHMS)),
    tells_crc=False,
    strict_copied_range=True,
    strict_self_copy=True,
    private_acls=("authenticated-read", "bucket-owner-read", "bucket-owner-full-control"),
    sole_owner=True,
    classes={
        "Standard": "STANDARD",
        "IA": "STANDARD_IA",
        "Archive": "GLACIER",
        "DeepColdArchive": "DEEP_ARCHIVE",
        "Intelligent": "INTELLIGENT_TIERING",
        "ArchiveInstant": "GLACIER_IR",
        "OneZone": "ONEZONE_IA",
        "Reduced": "REDUCED_REDUNDANCY",
    },
    nearest={"ColdArchive": "DEEP_ARCHIVE"},
)
