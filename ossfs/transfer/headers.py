"""
Which of the user's headers goes with which request.

A transfer is several requests, and each store refuses, or silently ignores, what does not
belong to one. So a header is sent with those it has a meaning for: who pays with all of
them, a traffic limit with those that move bytes, a callback with the one that makes the
object, and so on. Those that describe the object become its `Headers`.

Threads: pure functions.
"""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ossfs.errors import InvalidOption
from ossfs.store.api import STANDARD_HEADERS, Headers, ObjectStore, Said

MAKING = ("put", "append", "copy", "create_upload")
MOVING = ("put", "append", "copy", "get", "upload_part", "copy_part")
ALL = (
    *("put", "append", "copy", "create_upload", "upload_part", "copy_part", "complete_upload"),
    *("abort_upload", "list_parts", "list_uploads", "get", "head"),
)

# What follows the store's prefix (a pattern) → the methods of `ObjectStore` it belongs to.
# Sources: the pages of the single operations; what oss2 passes on is the same or less.
BELONGS: Mapping[str, tuple[str, ...]] = {
    r"request-payer": ALL,
    r"traffic-limit": MOVING,
    r"object-acl": ("put", "append", "copy", "complete_upload"),  # OSS: not when it begins
    r"acl|grant-.*": MAKING,
    r"server-side-encryption-customer-.*": (*MAKING, "upload_part", "copy_part", "get", "head"),
    r"copy-source-server-side-encryption-customer-.*": ("copy", "copy_part"),
    r"tagging-directive": ("copy",),
    r"callback|callback-var": ("put", "complete_upload"),
    r".*": MAKING,  # storage class, tags, encryption by the store's key …
}
_OURS = re.compile(
    r"(copy-source|copy-source-(range|if-.*)|metadata-directive|hash-.*|date|security-token|"
    r"content-sha256|rename-.*|complete-all|range-behavior|next-append-position)"
)
PREFIXES = {"oss": "x-oss-", "tos": "x-tos-", "s3": "x-amz-"}
"""
How the headers of each store begin.

What they say of the object alike (metadata, forbid-overwrite) is worded for each; of the
rest, a store silently leaves out what is another's.
"""
_VENDOR = re.compile(r"x-(?:oss|tos|amz)-(.+)")


@dataclass(frozen=True, slots=True)
class SortedHeaders:
    """The headers of a transfer, by what they are about."""

    of_object: Headers = field(default_factory=Headers)
    said: Mapping[str, Said] = field(default_factory=dict)
    """Method of `ObjectStore` → what its requests say besides."""
    forbid_overwrite: bool = False

    def says(self, name: str) -> bool:
        """Say whether one of the headers is `name`, whatever the store's prefix."""
        return any(one.endswith(f"-{name}") for said in self.said.values() for one in said.headers)

    def of_source(self, store: ObjectStore) -> ObjectStore:
        """Return the bucket a copy is made from, asked by who pays and with the source's key."""
        named = {name: value for said in self.said.values() for name, value in said.headers.items()}
        said = {}
        for name, value in named.items():
            prefix, mark, rest = name.partition("copy-source-server-side")
            if mark:
                said[f"{prefix}server-side{rest}"] = value
            elif name.endswith("-request-payer"):
                said[name] = value
        return store.saying({"head": Said(said), "get": Said(said)}) if said else store

    def applied(self, store: ObjectStore) -> ObjectStore:
        """Return the bucket whose requests say so. InvalidOption: another store's words."""
        prefix = PREFIXES.get(store.place.partition(":")[0], "")
        for said in self.said.values():
            for name in said.headers:
                if not name.startswith(prefix):
                    raise InvalidOption(f"{store.place} does not heed the header {name!r}: its own"
                                        f" begin with {prefix!r}")  # fmt: skip
        return store.saying(self.said) if self.said else store


def sorted_headers(given: Mapping[str, str] | None, *, key: str = "") -> SortedHeaders:
    """
    Sort headers as HTTP writes them, in either case. InvalidOption: one is not the user's.

    With `key`, the type of the object is what its name suggests, if it is not given.
    """
    standard: dict[str, str] = {}
    metadata: dict[str, str] = {}
    said: dict[str, dict[str, str]] = {}
    content_type = None
    forbids = False
    for name, value in ((name.lower(), value) for name, value in (given or {}).items()):
        vendor = _VENDOR.fullmatch(name)
        if name == "content-type":
            content_type = value
        elif name in STANDARD_HEADERS:
            standard[name] = value
        elif vendor is None or _OURS.fullmatch(vendor[1]):
            raise InvalidOption(f"the header {name!r} is not for a transfer's user to say")
        elif vendor[1].startswith("meta-"):
            metadata[vendor[1].removeprefix("meta-")] = value
        elif vendor[1] == "forbid-overwrite":
            forbids = value.lower() == "true"
        else:
            for method in _methods(vendor[1]):
                said.setdefault(method, {})[name] = value
    if content_type is None and key:
        content_type = mimetypes.guess_type(key, strict=False)[0]
    return SortedHeaders(
        Headers(content_type, metadata, standard),
        {method: Said(headers) for method, headers in said.items()},
        forbids,
    )


def _methods(name: str) -> tuple[str, ...]:
    return next(methods for pattern, methods in BELONGS.items() if re.fullmatch(pattern, name))
