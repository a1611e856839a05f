"""
Refusals in the words of a dialect.

Operations refuse with codes of the OSS vocabulary; a dialect that says something else
has it in its table. Codes that a fault's rule injected are sent as they are.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ossfs.emulator.exchange import Answer
from ossfs.emulator.refusals import Refused
from ossfs.emulator.words import Words

NOT_MODIFIED = 304

Renamed = Mapping[str, tuple[str, int]]
"""Code → the dialect's own, and its status."""


class Told(NamedTuple):
    """A refusal as the dialect says it."""

    code: str
    status: int
    headers: dict[str, str]
    fields: dict[str, str]


def told(error: Refused, words: Words, renamed: Renamed) -> Told:
    """Return code, status, headers and further fields of a refusal."""
    code, status = error.code, error.status
    if not error.injected:
        code, status = renamed.get(code, (code, status))
    headers = dict(error.headers)
    if "next-append" in headers:
        headers[words.header(f"next-append-{words.position}")] = headers.pop("next-append")
    return Told(code, status, headers, dict(error.fields))


def not_modified(error: Refused) -> Answer | None:
    """Return the answer 304, which has no body, if the refusal is that."""
    return Answer(NOT_MODIFIED, dict(error.headers)) if error.status == NOT_MODIFIED else None
