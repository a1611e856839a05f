"""
How the values of options are written: sizes, durations, modes, choices.

Every `parse` raises ValueError with what would have been right ("must be a size like
8M"); who calls it puts the option's name in front. What `show` writes, `parse` reads.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZE_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": GIB * KIB}
SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MAX_TAGS, MAX_TAG_NAME, MAX_TAG_VALUE = 10, 128, 256
"""Of one object, in each of OSS, TOS and S3."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How the values of an option are written."""

    metavar: str
    parse: Callable[[str], T]
    """ValueError, saying what would have been right."""
    show: Callable[[T], str] = str


@dataclass(frozen=True, slots=True)
class Option(Generic[T]):
    """What is known of one option beside its default."""

    doc: str
    kind: Kind[T]
    minimum: Any = None
    maximum: Any = None
    default_note: str = ""
    """How the default is described when the value does not say it (None: chosen later)."""

    def read(self, text: str) -> T:
        """Return the value that `text` writes; ValueError says what is wrong with it."""
        value = self.kind.parse(text.strip())
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.kind.show(self.minimum)}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be at most {self.kind.show(self.maximum)}")
        return value


def parse_size(text: str) -> int:
    """Bytes from `8M`, `8MiB`, `1g`, `4096`; units are powers of 1024."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.lower())
    if match is None:
        raise ValueError("must be a size like 4096, 512K, 8M or 1G")
    return int(float(match[1]) * SIZE_UNITS[match[2]])


def show_size(size: int) -> str:
    """Write bytes as `8M`, exactly."""
    for unit in "TGMK":
        factor = SIZE_UNITS[unit.lower()]
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def parse_duration(text: str) -> float:
    """Seconds from `30s`, `500ms`, `5m`, `1h`, `2d`, `30`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|[smhd]?)", text.lower())
    if match is None:
        raise ValueError("must be a duration like 500ms, 30s, 5m or 1h")
    return float(match[1]) * SECONDS[match[2]]


def show_duration(seconds: float) -> str:
    """Write seconds as `5m`, exactly."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:.10g}ms"
    for unit in "dhm":
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.10g}{unit}"
    return f"{seconds:.10g}s"


def _parse_bool(text: str) -> bool:
    if text.lower() in {"", "true", "yes", "on", "1"}:  # `-o allow_other` stands alone
        return True
    if text.lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError("must be true or false")


def _parse_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _parse_mode(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{1,4}", text.removeprefix("0o")):
        raise ValueError("must be octal permissions like 0644")
    return int(text.removeprefix("0o"), 8)


def _parse_text(text: str) -> str:
    if not text or any(ord(c) < ord(" ") for c in text):
        raise ValueError("must not be empty nor hold control characters")
    return text


def _parse_path(text: str) -> Path:
    return Path(_parse_text(text)).expanduser().absolute()


def _parse_endpoint(text: str) -> str:
    if not re.fullmatch(r"(https?://)?[^/?#@\s]+/?", text):
        raise ValueError("must be a host, host:port or http(s)://host[:port], without a path")
    return text.rstrip("/")


def _parse_proxy(text: str) -> str:
    if text == "none":
        return text
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError(
            "must not hold a password, which other users could see; put it into HTTPS_PROXY"
        )
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
        raise ValueError("must be http(s)://HOST:PORT, or none")
    return text.rstrip("/")


def _parse_word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("must be one word")
    return text


def _parse_tags(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(
        (name, value) for name, _, value in (one.partition("=") for one in text.split("&") if one)
    )
    fits = all(
        1 <= len(name) <= MAX_TAG_NAME and len(value) <= MAX_TAG_VALUE for name, value in pairs
    )
    if len(pairs) > MAX_TAGS or not fits:
        raise ValueError(f"must be NAME=VALUE&NAME=VALUE, at most {MAX_TAGS} of them")
    return pairs


def _show_tags(tags: tuple[tuple[str, str], ...]) -> str:
    return "&".join(f"{name}={value}" for name, value in tags)


def _parse_json(text: str) -> str:
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise ValueError("must be a JSON object")
    return text


def choice(*words: str) -> Kind[str]:
    """Return the kind of an option that is one of `words`, in either case."""
    spelled = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        if text.lower() not in spelled:
            raise ValueError(f"must be one of {', '.join(words)}")
        return spelled[text.lower()]

    return Kind("|".join(words), parse)


SIZE = Kind("SIZE", parse_size, show_size)
DURATION = Kind("DURATION", parse_duration, show_duration)
INTEGER = Kind("N", _parse_int)
BOOLEAN = Kind("true|false", _parse_bool, lambda value: str(value).lower())
MODE = Kind("OCTAL", _parse_mode, lambda mode: f"{mode:04o}")
TEXT = Kind("TEXT", _parse_text)
PATH = Kind("PATH", _parse_path)
ENDPOINT = Kind("URL", _parse_endpoint)
PROXY = Kind("URL|none", _parse_proxy)
WORD = Kind("NAME", _parse_word)
TAGS = Kind("NAME=VALUE&…", _parse_tags, _show_tags)
JSON = Kind("JSON", _parse_json)


def option(default: T, kind: Kind[Any], doc: str, **more: Any) -> T:
    """Make a dataclass field that is an option; `more` are the other fields of `Option`."""
    return field(default=default, metadata={"option": Option(doc, kind, **more)})
