"""
How a dialect says things: prefixes of headers, names of storage classes, forms of bodies.

The calls in `calls/` are written once and speak through these. What differs by more than
words (signatures, error codes, operations of one dialect only) is in the dialect's folder.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ossfs.emulator.tree import Content, Element, Node

if TYPE_CHECKING:
    from ossfs.emulator.exchange import Answer, Call
    from ossfs.emulator.listing import Listed
    from ossfs.emulator.objects import Guard, Row
    from ossfs.emulator.service import Service
    from ossfs.emulator.settings import Limits


@dataclass(frozen=True, slots=True)
class Words:
    """One dialect's vocabulary."""

    prefix: str
    """Of its headers: `x-oss-`."""
    server: str
    """The `Server` header."""
    object_acl: str
    """The header with an object's ACL."""
    bucket_acl: str
    default_type: str
    """Content-Type of an object that was stored without one."""
    body_type: str
    """Content-Type of documents."""
    render: "Callable[[str, Content], bytes]"
    parse: Callable[[bytes], Element]
    guard: "Callable[[Service, Call], Guard]"
    """Check a write's conditions before its body, and return the check at its commit."""
    acl_answer: "Callable[[Call, str], Answer]"
    extras: "Callable[[Call, Row], dict[str, str]]"
    """Headers about an object that only this dialect has; those of GET and HEAD."""
    listed: "Callable[[Call, Listed], Sequence[Node]]"
    """What a listing says about an object besides what all dialects say."""
    smallest_part: "Callable[[Limits], int]"
    upload_sums: "Callable[[Call], dict[str, str]]" = lambda _call: {}
    """Algorithm and type of the checksum that an upload's object will have, if any."""
    sum_nodes: "Callable[[Row], Sequence[Node]]" = lambda _row: ()
    """An object's checksums, for the answer to Complete."""
    expected: "Callable[[Call], dict[str, str]]" = lambda _call: {}
    """What Complete says its object must have: checksums, and `size`."""
    upper_etags: bool = False
    standard_ranges: bool = True
    """Clip ranges and refuse those behind the end, without being asked to."""
    default_page: int = 1000
    """Entries of a listing when the request does not say."""
    clips_pages: bool = False
    """More entries than 1000 are asked for: 1000 are given, instead of a refusal."""
    always_next_marker: bool = True
    """A truncated listing says where it goes on also without a delimiter."""
    encodes_tokens: bool = False
    """`encoding-type=url` is about continuation tokens too."""
    url_safe: str = ""
    """Characters that `encoding-type=url` leaves alone."""
    position: str = "position"
    """The query parameter and header word of an append."""
    meta_name: str = r"[a-z0-9!#$%&'*+.^_`|~-]+"
    """What the names of user metadata may be, a regular expression."""
    max_metadata: int = 8192
    counts_prefix: bool = True
    """The prefix of user metadata counts as a part of it."""
    rejects_slash: bool = True
    """Keys may not begin with a slash or backslash."""
    key_bytes: int = 1023
    deletes_need: tuple[str, ...] = ("Content-MD5",)
    """Headers of which a batch delete needs one."""
    tells_crc: bool = True
    """Answers carry the CRC-64 of what they are about."""
    sorts_parts: bool = False
    """Complete takes parts in any order: the official client lists them as they finished."""
    tells_md5: bool = False
    """Answers carry the MD5 of what they are about."""
    quiet_is_empty: bool = False
    """A quiet batch delete without failures has an empty body, not an empty document."""
    strict_copied_range: bool = False
    """A part's copy of bytes that are not there is refused, else it is of all bytes."""
    strict_self_copy: bool = False
    """An object is copied to itself only with something to change."""
    copies_appendable: bool = True
    """An appendable object can be the source of a copy."""
    copies_never_304: bool = True
    """A copy whose condition says 'not modified' is refused with 412 instead."""
    private_acls: tuple[str, ...] = ()
    """Canned ACLs that give somebody something, but there is nobody else here."""
    sole_owner: bool = False
    """Making a bucket that one owns already is refused."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """Stored storage class → own name; a class that is not here reads as its nearest."""
    nearest: Mapping[str, str] = field(default_factory=dict)
    """Stored storage class of another dialect → own name."""

    def header(self, name: str) -> str:
        """Return the full name of one of the dialect's headers."""
        return self.prefix + name

    def etag(self, etag: str) -> str:
        """Return a stored ETag as it is shown: with quotes."""
        return f'"{self.bare_etag(etag)}"'

    def bare_etag(self, etag: str) -> str:
        """Return a stored ETag as it is compared: without quotes."""
        return etag if self.upper_etags else etag.lower()

    def storage_class(self, stored: str) -> str:
        """Return the dialect's name of a stored storage class."""
        return self.classes.get(stored) or self.nearest.get(stored, stored)
