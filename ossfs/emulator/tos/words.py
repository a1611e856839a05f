"""How TOS says things."""

import json

from ossfs.emulator.calls import guards
from ossfs.emulator.calls import headers as fields
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.listing import Listed
from ossfs.emulator.objects import META, SYMLINK, Row
from ossfs.emulator.service import OWNER
from ossfs.emulator.tree import Content, Node, json_document, parse_json
from ossfs.emulator.words import Words

_PUBLIC = {"public-read": ("READ",), "public-read-write": ("READ", "WRITE")}


def _grant(grantee: Content, permission: str) -> Node:
    return ("Grant", [("Grantee", grantee), ("Permission", permission)])


def _acl_answer(_call: Call, acl: str) -> Answer:
    user: Content = [("ID", OWNER), ("DisplayName", OWNER), ("Type", "CanonicalUser")]
    group: Content = [("Type", "Group"), ("Canned", "AllUsers")]
    document: Content = [
        ("Owner", [("ID", OWNER), ("DisplayName", OWNER)]),
        _grant(user, "FULL_CONTROL"),
        *(_grant(group, permission) for permission in _PUBLIC.get(acl, ())),
        ("IsDefault", acl == "default"),
    ]
    return Answer(headers={"Content-Type": "application/json"}, body=json_document("", document))


def _extras(call: Call, row: Row) -> dict[str, str]:
    headers = fields.typed(call, row)
    if row.kind == SYMLINK:
        headers["x-tos-symlink-target-size"] = str(row.size)
    return headers


def _listed(call: Call, one: Listed) -> list[Node]:
    told: list[Node] = [("Type", one.kind)]
    if one.crc:
        told.append(("HashCrc64ecma", one.crc))
    if call.query.get("fetch-meta", "").lower() == "true":
        kept: dict[str, str] = json.loads(one.headers)
        metadata: list[Node] = [
            ("Pair", [("Key", name.removeprefix(META)), ("Value", value)])
            for name, value in kept.items()
            if name.startswith(META)
        ]
        told.append(("UserMeta", metadata))
    return told


WORDS = Words(
    prefix="x-tos-",
    server="TosServer",
    object_acl="x-tos-acl",
    bucket_acl="x-tos-acl",
    default_type="binary/octet-stream",
    body_type="application/json",
    render=json_document,
    parse=parse_json,
    guard=guards.forbid_or_match,
    acl_answer=_acl_answer,
    extras=_extras,
    listed=_listed,
    smallest_part=lambda limits: limits.min_large_part,
    clips_pages=True,
    position="offset",
    copies_appendable=False,
    sorts_parts=True,
    private_acls=("authenticated-read", "bucket-owner-read", "bucket-owner-full-control"),
    sole_owner=True,
    classes={
        "Standard": "STANDARD",
        "IA": "IA",
        "Archive": "ARCHIVE",
        "ColdArchive": "COLD_ARCHIVE",
        "DeepColdArchive": "DEEP_COLD_ARCHIVE",
        "Intelligent": "INTELLIGENT_TIERING",
        "ArchiveInstant": "ARCHIVE_FR",
    },
    nearest={"OneZone": "IA", "Reduced": "STANDARD"},
)
