"""
Which dialect a request is in, by what the request itself shows.

The algorithm of its signature decides, in the header or in the URL; without one, headers
of a dialect's own; a request that shows nothing is OSS, whose ACLs say what it may do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ossfs.emulator.dispatch import Table
from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.oss import dispatch as oss_dispatch
from ossfs.emulator.oss import errors as oss_errors
from ossfs.emulator.oss import signatures as oss_signatures
from ossfs.emulator.oss import words as oss_words
from ossfs.emulator.refusals import Refused
from ossfs.emulator.s3 import dispatch as s3_dispatch
from ossfs.emulator.s3 import errors as s3_errors
from ossfs.emulator.s3 import signatures as s3_signatures
from ossfs.emulator.s3 import words as s3_words
from ossfs.emulator.settings import Settings
from ossfs.emulator.tos import dispatch as tos_dispatch
from ossfs.emulator.tos import errors as tos_errors
from ossfs.emulator.tos import signatures as tos_signatures
from ossfs.emulator.tos import words as tos_words
from ossfs.emulator.words import Words


class AnswerOf(Protocol):
    """Puts a refusal into a dialect's words."""

    def __call__(
        self, error: Refused, *, method: str, host: str, request_id: str, path: str
    ) -> Answer:
        """Return the answer to a request that was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the server needs to know to speak one."""

    name: str
    words: Words
    table: Table
    verify: Callable[[Call, Settings, float], None]
    """Check the signature, or mark the call as anonymous; Refused when it is wrong."""
    answer_of: AnswerOf


OSS = Dialect(
    "oss", oss_words.WORDS, oss_dispatch.TABLE, oss_signatures.verify, oss_errors.answer_of
)
S3 = Dialect("s3", s3_words.WORDS, s3_dispatch.TABLE, s3_signatures.verify, s3_errors.answer_of)

TOS = Dialect(
    "tos", tos_words.WORDS, tos_dispatch.TABLE, tos_signatures.verify, tos_errors.answer_of
)

_ALGORITHMS = {
    "OSS": OSS,
    "OSS4-HMAC-SHA256": OSS,
    "AWS4-HMAC-SHA256": S3,
    "AWS": S3,  # an older signature, which S3 refuses
    "TOS4-HMAC-SHA256": TOS,
}
_PREFIXES = {"x-oss-": OSS, "x-amz-": S3, "x-tos-": TOS}


def dialect_of(headers: Mapping[str, str], parameters: Iterable[tuple[str, str]]) -> Dialect:
    """Return the dialect of a request."""
    algorithm = headers.get("Authorization", "").partition(" ")[0]
    if algorithm in _ALGORITHMS:
        return _ALGORITHMS[algorithm]
    for name in (*(name for name, _ in parameters), *headers):
        found = _PREFIXES.get(name[:6].lower())
        if found is not None:
            return found
    return OSS
