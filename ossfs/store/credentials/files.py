"""
Credentials in the files that object store tools keep in a home directory.

A `read_…` function returns None when the file is there but says nothing about what was
asked, and raises InvalidOption when it cannot be read. No message quotes a file's content.

Threads: pure functions, but for reading.
"""

import configparser
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ossfs.errors import InvalidOption
from ossfs.store.credentials.values import Credentials, Secret


@dataclass(frozen=True, slots=True)
class FileCredentials:
    """A file that was found to hold credentials; it is read again when they are renewed."""

    path: Path
    read: Callable[[], Credentials | None]

    def get(self) -> Credentials:
        """Return what the file says now. InvalidOption."""
        found = self.read()
        if found is None:
            raise InvalidOption(f"{self.path} has no credentials for this bucket any more")
        return found


def read_passwd(path: Path, bucket: str) -> Credentials | None:
    """
    Read the credentials of `bucket` in a file of `bucket:id:secret` or `id:secret` lines.

    The first line that names the bucket counts, else the first that names none; lines that
    are empty or begin with # are passed over. Refused, too,
    when somebody other than its owner can read the file, or a line has another form.
    """
    default = None
    for number, line in enumerate(map(Secret, _text(path, is_private=True).splitlines()), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parsed = _passwd_line(line)
        if parsed is None:
            wanted = "neither bucket:id:secret nor id:secret"
            raise InvalidOption(f"{path}, line {number}: {wanted}")
        named, credentials = parsed
        if named == bucket:
            return credentials
        if named is None:
            default = default or credentials
    return default


def _passwd_line(line: str) -> tuple[str | None, Credentials] | None:
    match line.strip().split(":"):
        case [key_id, secret] if key_id and secret:
            return None, Credentials(key_id, secret)
        case [bucket, key_id, secret] if bucket and key_id and secret:
            return bucket, Credentials(key_id, secret)
    return None


def read_ossutil(path: Path, profile: str) -> Credentials | None:
    """
    Read ossutil's file: the section [Credentials] of ossutil 1, or a profile of ossutil 2.

    Source: "Configure ossutil": names of keys are written in any case, with hyphens,
    underscores or neither.
    """
    sections = _sections(path)
    wanted = ("default", "profile default", "credentials") if profile == "default" else ()
    for name in wanted or (f"profile {profile.lower()}",):
        found = sections.get(name, {})
        key_id, secret = found.get("accesskeyid"), found.get("accesskeysecret")
        if key_id and secret:
            return Credentials(key_id, secret, found.get("ststoken"))
    return None


def read_aws(path: Path, profile: str) -> Credentials | None:
    """Read a profile of `~/.aws/credentials`, or of `~/.aws/config`."""
    found = _aws_profile(path, profile)
    key_id, secret = found.get("awsaccesskeyid"), found.get("awssecretaccesskey")
    if not (key_id and secret):
        return None
    return Credentials(key_id, secret, found.get("awssessiontoken"))


def read_aws_process(path: Path, profile: str) -> str | None:
    """Return the `credential_process` of a profile of AWS's files."""
    return _aws_profile(path, profile).get("credentialprocess")


def _aws_profile(path: Path, profile: str) -> Mapping[str, str]:
    sections = _sections(path)
    return sections.get(profile.lower()) or sections.get(f"profile {profile.lower()}") or {}


def _sections(path: Path) -> dict[str, dict[str, str]]:
    """Return an INI file, names of sections and keys in lower case without their hyphens."""
    parser = configparser.RawConfigParser(
        strict=False, default_section="\0", comment_prefixes=("#", ";")
    )
    text = _text(path, is_private=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        kind = type(error).__name__
        raise InvalidOption(f"{path} is not an INI file ({kind})") from None  # it quotes the line
    return {
        section.strip().lower(): {
            name.replace("-", "").replace("_", ""): Secret(value.strip())
            for name, value in parser.items(section)
            if value
        }
        for section in parser.sections()
    }


def _text(path: Path, *, is_private: bool) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            if is_private and os.fstat(file.fileno()).st_mode & 0o077:
                raise InvalidOption(
                    f"{path} holds secrets, and others can read it; run: chmod 600 {path}"
                )
            return Secret(file.read())
    except UnicodeDecodeError:
        raise InvalidOption(f"cannot read the credentials file {path}: not UTF-8") from None
    except OSError as error:
        raise InvalidOption(f"cannot read the credentials file {path}: {error}") from error
