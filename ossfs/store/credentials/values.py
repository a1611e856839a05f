"""
What credentials are, and what is asked for them.

Threads: values; every provider and source may be asked from any thread.
"""

from dataclasses import dataclass
from typing import Protocol, SupportsIndex


class Secret(str):
    """A text that shows itself only where it is used; `str()` of it hides itself, too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:  # a plain copy would show itself among a frame's locals
        return self

    def __getitem__(self, index: SupportsIndex | slice) -> str:  # what shows locals may cut them
        return Secret(super().__getitem__(index))


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key id with its secret, and the token and end of temporary ones."""

    key_id: str
    secret: str
    token: str | None = None
    expires_ns: int | None = None
    """When they end, in nanoseconds since 1970; None: not known, or never."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "secret", Secret(self.secret))
        object.__setattr__(self, "token", Secret(self.token) if self.token else None)


class CredentialsProvider(Protocol):
    """Where requests get their credentials from; asked before every request."""

    def get(self) -> Credentials:
        """Return credentials that are valid now. InvalidOption, InvalidCredentials, Transient."""
        ...

    def invalidate(self, credentials: Credentials, *, is_certain: bool = True) -> bool:
        """
        Hear that the store refused these; say whether `get` has others now.

        Not `is_certain`: they may be the reason, but the store did not say so. Transient:
        there may be others, but whoever issues them does not answer.
        """
        ...


class CredentialsSource(Protocol):
    """Something that issues credentials, and may be asked for new ones."""

    def get(self) -> Credentials:
        """Return what it issues now. InvalidOption, InvalidCredentials, Transient."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Credentials that never change."""

    credentials: Credentials

    def get(self) -> Credentials:
        """Return them."""
        return self.credentials

    def invalidate(self, credentials: Credentials, *, is_certain: bool = True) -> bool:
        """Say that there are no others."""
        del credentials, is_certain
        return False
