"""
Where the values of options come from: flags, `-o` words, the configuration file.

Every value that cannot be used raises `InvalidOption` with the option as its source
writes it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ossfs.config.groups import (
    CacheConfig,
    KernelConfig,
    LoggingConfig,
    MountConfig,
    PosixConfig,
    WritebackConfig,
)
from ossfs.config.kinds import MODE, Option
from ossfs.config.store_groups import CredentialsConfig, ObjectsConfig, StoreConfig
from ossfs.config.urls import parse_url
from ossfs.errors import InvalidOption

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, slots=True)
class Named:
    """An option with its place: group `writeback`, field `part_size`, and so on."""

    group: str
    attribute: str
    option: Option[Any]
    default: Any

    @property
    def name(self) -> str:
        """The `-o` word and the key in the file: the field without its unit."""
        return self.attribute.removesuffix("_s")

    @property
    def flag(self) -> str:
        """The flag of `ossfs mount`."""
        return "--" + self.name.replace("_", "-")

    @property
    def shown_default(self) -> str:
        """The default in words."""
        if self.option.default_note:
            return self.option.default_note
        return f"`{self.option.kind.show(self.default)}`"


GROUPS: Mapping[str, type] = {
    "store": StoreConfig,
    "credentials": CredentialsConfig,
    "objects": ObjectsConfig,
    "cache": CacheConfig,
    "writeback": WritebackConfig,
    "posix": PosixConfig,
    "kernel": KernelConfig,
    "logging": LoggingConfig,
}


def _options() -> Iterator[Named]:
    for group, cls in GROUPS.items():
        for one in fields(cls):
            yield Named(group, one.name, one.metadata["option"], one.default)


OPTIONS: Mapping[str, Named] = {named.name: named for named in _options()}

# Words that mount(8) and fstab put into -o and that ask for nothing beyond what a FUSE
# mount does anyway. `nosuid` and `nodev` always hold; atime is never kept.
NEUTRAL = frozenset(
    {
        *("defaults", "rw", "auto", "noauto", "nofail", "_netdev", "user", "users", "nouser"),
        *("nosuid", "nodev", "noatime", "relatime", "nodiratime"),
    }
)
SYNONYMS = {"ro": "read_only"}


def split_o(text: str) -> dict[str, str]:
    """
    Read one `-o` list, `name[=value],…`; a backslash before a comma keeps it.

    Names may be written with hyphens. InvalidOption for a name that is not known.
    """
    found: dict[str, str] = {}
    for word in re.split(r"(?<!\\),", text):
        name, _, value = word.replace("\\,", ",").strip().partition("=")
        if (not name and not value) or name in NEUTRAL or name.startswith("x-"):
            continue
        known = SYNONYMS.get(name, name).replace("-", "_")
        if known not in OPTIONS:
            raise InvalidOption(f"-o {word.strip()}: unknown option")
        found[known] = value
    return found


def read_file(path: Path) -> dict[str, str]:
    """
    Read a configuration file: TOML, one table per group.

    InvalidOption when it cannot be read, is not TOML, or holds an unknown name.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise InvalidOption(f"configuration file {path}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InvalidOption(f"configuration file {path}: {error}") from error
    found: dict[str, str] = {}
    for group, table in tables.items():
        if group not in GROUPS or not isinstance(table, dict):
            raise InvalidOption(
                f"configuration file {path}: {group!r} is not one of the tables"
                f" {', '.join(f'[{name}]' for name in GROUPS)}"
            )
        for name, value in table.items():
            named = OPTIONS.get(name)
            if named is None or named.group != group:
                raise InvalidOption(
                    f"configuration file {path}: unknown option {name!r} in [{group}]"
                )
            if not isinstance(value, str | int | float):
                raise InvalidOption(f"configuration file {path}: {name} must be a plain value")
            found[name] = _as_text(named, value)
    return found


def written(config: MountConfig) -> dict[str, str]:
    """Write what is not the default in such a way that `resolve` reads it: the flags."""
    found: dict[str, str] = {}
    for named in OPTIONS.values():
        value = getattr(getattr(config, named.group), named.attribute)
        if value != named.default:
            found[named.name] = named.option.kind.show(value)
    return found


def _as_text(named: Named, value: str | float) -> str:
    """Write a TOML value as it would be written on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and named.option.kind is MODE:
        return f"{value:o}"  # TOML has octal numbers: 0o644
    return str(value)


def resolve(
    url: str,
    *,
    flags: Mapping[str, str] | None = None,
    o: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> MountConfig:
    """
    Merge flags, `-o` words and the file over the defaults; names as in `OPTIONS`.

    InvalidOption names the option the way its source writes it.
    """
    sources: list[tuple[Callable[[Named], str], Mapping[str, str]]] = []
    if file is not None:
        sources.append((lambda named: f"{file}: [{named.group}] {named.name}", read_file(file)))
    sources.append((lambda named: f"-o {named.name}", o or {}))
    sources.append((lambda named: named.flag, flags or {}))

    values: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for written, given in sources:
        for name, text in given.items():
            named = OPTIONS[name]
            try:
                values[named.group][named.attribute] = named.option.read(text)
            except ValueError as error:
                raise InvalidOption(f"{written(named)}: {text!r} {error}") from None
    return MountConfig(
        url=parse_url(url), **{group: cls(**values[group]) for group, cls in GROUPS.items()}
    )
