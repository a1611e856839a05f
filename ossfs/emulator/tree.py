"""
Documents in and out: one tree, written as XML or as JSON, and read from either.

Writing XML: raw UTF-8, control characters as numeric references although XML 1.0 forbids
them, which is what the services do. The namespace is the caller's: OSS clients break on
one, S3 clients expect one.
Reading XML: tolerant, for the same reason: batch deletes of odd keys carry raw control
characters or references to them, which strict parsers refuse.
JSON: a tag that may repeat is a list under its plural (`Part` → `Parts`).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ossfs.emulator.refusals import Refused

Node = tuple[str, "str | int | Sequence[Node]"]
"""A tag with its text, number, truth value or children."""

Content = str | int | Sequence[Node]

# What may repeat, and its name in JSON.
_PLURALS = {
    "CommonPrefixes": "CommonPrefixes",
    "Contents": "Contents",
    "Deleted": "Deleted",
    "Error": "Error",
    "Grant": "Grants",
    "Object": "Objects",
    "Part": "Parts",
    "Tag": "Tags",
    "Upload": "Uploads",
    "Version": "Versions",
}
_LISTS = ("Buckets", "UserMeta")  # a list in JSON, whatever its members are called in XML
_SINGULARS = {plural: single for single, plural in _PLURALS.items() if plural != single}

_TOKEN = re.compile(
    r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(.*?)\]\]>|<!.*?>|<(/?)([^\s/>]+)[^>]*?(/?)>", re.DOTALL
)
_ENTITY = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SPECIAL = re.compile(r"[&<>\x00-\x08\x0b-\x1f\x7f]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def xml_document(name: str, content: Content, namespace: str = "") -> bytes:
    """Return a whole XML document."""
    opening = f'{name} xmlns="{namespace}"' if namespace else name
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{opening}>{_inner(content)}</{name}>'
    return text.encode("utf-8", "surrogateescape")


def json_document(_name: str, content: Content) -> bytes:
    """Return a whole JSON document; its root has no name."""
    return json.dumps(_plain(content), ensure_ascii=False).encode("utf-8", "surrogateescape")


def encoded(text: str, safe: str = "") -> str:
    """Return a key as `encoding-type=url` gives it."""
    return quote(text.encode(), safe=safe)


def _inner(content: Content) -> str:
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, (str, int)):
        return _escaped(str(content))
    return "".join(f"<{name}>{_inner(below)}</{name}>" for name, below in content)


def _plain(content: Content) -> object:
    if isinstance(content, (str, int)):
        return content
    found: dict[str, object] = {}
    for name, below in content:
        plural = _PLURALS.get(name)
        if name in _LISTS and not isinstance(below, (str, int)):
            found[name] = [_plain(member) for _, member in below]
        elif plural is None:
            found[name] = _plain(below)
        else:
            found.setdefault(plural, []).append(_plain(below))  # type: ignore[attr-defined]  # a list, by the line
    return found


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0]) or f"&#x{ord(match[0]):02x};", text)


@dataclass(slots=True)
class Element:
    """An element that was read."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def find(self, name: str) -> str:
        """Return the text of the first child of that name, or ''."""
        return next((child.text for child in self.children if child.name == name), "")

    def all(self, name: str) -> list["Element"]:
        """Return the children of that name."""
        return [child for child in self.children if child.name == name]


def parse_json(data: bytes) -> Element:
    """Return the root element of a JSON object; Refused (MalformedXML) when it is none."""
    try:
        given = json.loads(data)
    except ValueError:
        raise Refused("MalformedXML", "The JSON you provided was not well-formed.") from None
    if not isinstance(given, dict):
        raise Refused("MalformedXML", "The body must be a JSON object.")
    return _element("", given)


def _element(name: str, value: object) -> Element:
    if isinstance(value, dict):
        children = []
        for key, below in value.items():
            single = _SINGULARS.get(str(key), str(key))
            many = below if isinstance(below, list) else [below]
            children += [_element(single, one) for one in many]
        return Element(name, children=children)
    if isinstance(value, bool):
        return Element(name, str(value).lower())
    return Element(name, "" if value is None else str(value))


def parse_xml(data: bytes) -> Element:
    """Return the root element; Refused (MalformedXML) when tags do not fit each other."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("MalformedXML") from None
    top = Element("")
    open_elements = [top]
    at = 0
    for token in _TOKEN.finditer(text):
        current = open_elements[-1]
        current.text += _unescaped(text[at : token.start()])
        at = token.end()
        literal, closing, tag, empty = token.groups()
        if literal is not None:
            current.text += literal
        elif tag is None:
            continue
        elif closing:
            if len(open_elements) == 1 or current.name != tag.rpartition(":")[2]:
                raise Refused("MalformedXML")
            open_elements.pop()
        else:
            element = Element(tag.rpartition(":")[2])
            current.children.append(element)
            if not empty:
                open_elements.append(element)
    if len(open_elements) != 1 or len(top.children) != 1 or text[at:].strip():
        raise Refused("MalformedXML")
    return top.children[0]


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    return _ENTITY.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    number = int(decimal) if decimal else int(hexadecimal, 16)
    try:
        return chr(number)
    except (ValueError, OverflowError):
        raise Refused("MalformedXML") from None
