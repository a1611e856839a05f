"""
Extended attributes in object metadata, as the official ossfs 1.x and s3fs keep them.

All of an object's are in one header, `xattr`: a JSON object of names and base64 values, in
the order of the names and without blanks, percent-encoded. Bytes of names that are not UTF-8
are escaped as JSON does it.

Threads: values only.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import quote, unquote

HEADER = "xattr"
STORED = ("user.", "trusted.")
"""The namespaces that are stored; security and system belong to the kernel."""


def parse_xattrs(text: str) -> dict[str, bytes]:
    """Read what the header holds; what cannot be read is taken for absent."""
    try:
        found = json.loads(unquote(text))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    values = {name: _decoded(value) for name, value in found.items()}
    return {name: value for name, value in values.items() if value is not None}


def format_xattrs(values: Mapping[str, bytes]) -> str:
    """Write the header."""
    encoded = {name: base64.b64encode(values[name]).decode() for name in sorted(values)}
    return quote(json.dumps(encoded, separators=(",", ":")), safe="/*")


def with_xattrs(metadata: Mapping[str, str], values: Mapping[str, bytes]) -> dict[str, str]:
    """Return metadata with these extended attributes in place of those it has."""
    changed = {name: value for name, value in metadata.items() if name != HEADER}
    if values:
        changed[HEADER] = format_xattrs(values)
    return changed


def _decoded(value: object) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except binascii.Error:
        return None
