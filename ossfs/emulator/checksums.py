"""
The checksums S3 knows: CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256.

A CRC of a whole can be computed from those of its parts; a hash cannot, so an upload
that uses one gets the hash of its parts' hashes and their number (`COMPOSITE`).
Values are base64 of the big-endian bytes, as the headers carry them.

Written here, with tables and in Python, because the client has its own: 10 MB/s for the
two that the standard library does not know, which is enough for tests.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from ossfs.emulator.refusals import Refused

FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"

_POLYNOMIALS = {"crc32": (0xEDB88320, 4), "crc32c": (0x82F63B78, 4)}
_POLYNOMIALS["crc64nvme"] = (0x9A6C9329AC4BC9B5, 8)
_HASHES = ("sha1", "sha256")
ALGORITHMS = (*_POLYNOMIALS, *_HASHES)


class Running(Protocol):
    """A checksum that is being computed."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """Return the checksum of all bytes so far."""
        ...


def running(name: str) -> Running:
    """Begin a checksum; the name is one of `ALGORITHMS`."""
    if name == "sha1":
        return hashlib.sha1(usedforsecurity=False)
    return hashlib.sha256() if name == "sha256" else _Crc(name)


def decoded(name: str, text: str) -> bytes:
    """Return the bytes of a checksum; Refused (InvalidRequest) when it cannot be one."""
    size = len(running(name).digest())
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != size:
        raise Refused("InvalidRequest", f"Value for x-amz-checksum-{name} header is invalid.")
    return value


def encoded(value: bytes) -> str:
    """Return a checksum as headers carry it."""
    return base64.b64encode(value).decode()


def of_parts(name: str, parts: Sequence[tuple[str, int]]) -> str:
    """Return the checksum of the parts' checksums, and how many there are."""
    whole = running(name)
    for value, _size in parts:
        whole.update(base64.b64decode(value))
    return f"{encoded(whole.digest())}-{len(parts)}"


def of_whole(name: str, parts: Iterable[tuple[str, int]]) -> str:
    """Return the CRC of bytes whose pieces have these CRCs and sizes."""
    polynomial, size = _POLYNOMIALS[name]
    whole = 0
    for value, length in parts:
        crc = int.from_bytes(base64.b64decode(value), "big")
        whole = _shifted(whole, length, polynomial, size * 8) ^ crc
    return encoded(whole.to_bytes(size, "big"))


def of_object(sums: Mapping[str, str]) -> dict[str, str]:
    """Return checksums of a body as those of the object it becomes."""
    return {**sums, "type": FULL_OBJECT} if sums else {}


def can_span(name: str) -> bool:
    """Say whether a whole's checksum follows from those of its parts."""
    return name in _POLYNOMIALS


class _Crc:
    """A reflected CRC with all ones before and after."""

    def __init__(self, name: str) -> None:
        self._polynomial, self._size = _POLYNOMIALS[name]
        self._stdlib = name == "crc32"
        self._value = 0

    def update(self, data: bytes) -> None:
        if self._stdlib:
            self._value = zlib.crc32(data, self._value)
            return
        table = _table(self._polynomial)
        ones = (1 << self._size * 8) - 1
        value = self._value ^ ones
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        self._value = value ^ ones

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


@lru_cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)  # noqa: PLW2901  # the register
        table.append(value)
    return tuple(table)


def _product(one: int, other: int, polynomial: int, width: int) -> int:
    """Multiply two polynomials modulo the CRC's; the highest bit is the power 0."""
    product = 0
    for power in range(width):
        if one >> (width - 1 - power) & 1:
            product ^= other
        other = other >> 1 ^ (polynomial if other & 1 else 0)
    return product


def _shifted(crc: int, size: int, polynomial: int, width: int) -> int:
    """Return the CRC's contribution when `size` bytes follow."""
    square = 1 << (width - 9)  # x to the 8th: one byte
    while size:
        if size & 1:
            crc = _product(crc, square, polynomial, width)
        square = _product(square, square, polynomial, width)
        size >>= 1
    return crc
