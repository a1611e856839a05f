"""
XML in and out, as OSS and its clients write it.

Writing: no namespace (the SDKs break on one), raw UTF-8, control characters as numeric
references although XML 1.0 forbids them, which is what the service does.
Reading: tolerant, for the same reason: batch deletes of odd keys carry raw control
characters or references to them, which strict parsers refuse.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ossfs.emulator.refusals import Refused

Node = tuple[str, "str | Sequence[Node]"]
"""A tag with its text or its children."""

_TOKEN = re.compile(
    r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(.*?)\]\]>|<!.*?>|<(/?)([^\s/>]+)[^>]*?(/?)>", re.DOTALL
)
_ENTITY = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SPECIAL = re.compile(r"[&<>\x00-\x08\x0b-\x1f\x7f]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def document(name: str, content: str | Sequence[Node]) -> bytes:
    """Return a whole document."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + _rendered((name, content))
    return text.encode("utf-8", "surrogateescape")


def encoded(text: str) -> str:
    """Return a key as `encoding-type=url` gives it."""
    return quote(text.encode(), safe="")


def _rendered(node: Node) -> str:
    name, content = node
    inner = _escaped(content) if isinstance(content, str) else "".join(map(_rendered, content))
    return f"<{name}>{inner}</{name}>"


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


def parse(data: bytes) -> Element:
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
