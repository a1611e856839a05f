"""
Who we are to the store.

A `CredentialsProvider` is asked before every request, so that credentials that expire can
be renewed behind it. Here are the providers that need no network; `found_credentials`
looks through them in the order in which a user expects them.

A secret's `repr` is `***`, in a `Credentials` too, so that none gets into a log or trace.

Threads: providers may be asked from any thread.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ossfs.errors import InvalidOption

KEY_ID = "OSS_ACCESS_KEY_ID"
KEY_SECRET = "OSS_ACCESS_KEY_SECRET"  # noqa: S105  # the name of a variable
SESSION_TOKEN = "OSS_SESSION_TOKEN"  # noqa: S105  # the name of a variable


class Secret(str):
    """A text that shows itself only where it is used."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key id with its secret, and the token of temporary ones."""

    key_id: str
    secret: str
    token: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "secret", Secret(self.secret))
        if self.token is not None:
            object.__setattr__(self, "token", Secret(self.token))


class CredentialsProvider(Protocol):
    """Where requests get their credentials from."""

    def get(self) -> Credentials:
        """Return credentials that are valid now. InvalidOption, InvalidCredentials."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Credentials that never change."""

    credentials: Credentials

    def get(self) -> Credentials:
        """Return them."""
        return self.credentials


def from_environment(environment: Mapping[str, str] | None = None) -> Credentials | None:
    """Return what `OSS_ACCESS_KEY_ID`, `…_SECRET` and `OSS_SESSION_TOKEN` say, if anything."""
    values = os.environ if environment is None else environment
    key_id, secret = values.get(KEY_ID, ""), values.get(KEY_SECRET, "")
    if bool(key_id) != bool(secret):
        there, missing = (KEY_ID, KEY_SECRET) if key_id else (KEY_SECRET, KEY_ID)
        raise InvalidOption(f"{there} is set in the environment, {missing} is not")
    if not key_id:
        return None
    return Credentials(key_id, secret, values.get(SESSION_TOKEN) or None)


def from_file(path: Path, bucket: str) -> Credentials | None:
    """
    Return the credentials of `bucket` in a file of `bucket:id:secret` or `id:secret` lines.

    The first line that names the bucket counts, else the first that names none; lines that
    are empty or begin with # are passed over. InvalidOption when the file cannot be read,
    when somebody other than its owner can read it, or when a line has another form.
    """
    default = None
    for number, line in enumerate(_private_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match line.strip().split(":"):
            case [key_id, secret] if key_id and secret:
                default = default or Credentials(key_id, secret)
            case [named, key_id, secret] if named and key_id and secret:
                if named == bucket:
                    return Credentials(key_id, secret)
            case _:
                wanted = "neither bucket:id:secret nor id:secret"
                raise InvalidOption(f"{path}, line {number}: {wanted}")
    return default


def _private_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise InvalidOption(
                    f"{path} holds secrets, and others can read it; run: chmod 600 {path}"
                )
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOption(f"cannot read the credentials file {path}: {error}") from error


def found_credentials(
    bucket: str, *, file: Path | None = None, environment: Mapping[str, str] | None = None
) -> CredentialsProvider:
    """
    Return the provider that this user's machine has for `bucket`.

    A file that was named must hold the bucket's credentials; without one the environment
    is looked at. InvalidOption says what would help.
    """
    found = from_environment(environment) if file is None else from_file(file, bucket)
    if found is not None:
        return FixedCredentials(found)
    if file is not None:
        raise InvalidOption(f"{file} has no credentials for the bucket {bucket}")
    raise InvalidOption(
        f"no credentials: set {KEY_ID} and {KEY_SECRET} (and {SESSION_TOKEN} for temporary"
        " ones) in the environment, or name a file of bucket:id:secret lines"
    )
