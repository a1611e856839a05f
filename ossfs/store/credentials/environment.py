"""
Credentials in the environment, under the names that each store's own tools use.

Only the names of the store that is asked are looked at: another's key would be refused
there, and has no business being sent.

Threads: pure functions.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ossfs.errors import InvalidOption
from ossfs.store.credentials.values import Credentials


class Names(NamedTuple):
    """The variables of one kind of tool."""

    key_id: str
    secret: str
    token: str


NAMES: Mapping[str, tuple[Names, ...]] = {
    "oss": (
        Names("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
        Names("OSSACCESSKEYID", "OSSSECRETACCESSKEY", "OSSSESSIONTOKEN"),  # ossfs 1.x
        Names(
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
        ),
    ),
    "tos": (Names("TOS_ACCESS_KEY", "TOS_SECRET_KEY", "TOS_SECURITY_TOKEN"),),
    "s3": (Names("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),),
}
"""By the scheme of the URL; the first set that is there counts."""


def from_environment(environment: Mapping[str, str], scheme: str = "oss") -> Credentials | None:
    """
    Return what the variables of `scheme` say, if anything.

    InvalidOption when a set has a key id without its secret, or the other way round.
    """
    for names in NAMES[scheme]:
        found = _of(names, environment)
        if found is not None:
            return found
    return None


def _of(names: Names, environment: Mapping[str, str]) -> Credentials | None:
    key_id, secret = bool(environment.get(names.key_id)), bool(environment.get(names.secret))
    if key_id != secret:
        there, missing = names[:2] if key_id else (names.secret, names.key_id)
        raise InvalidOption(f"{there} is set in the environment, {missing} is not")
    if not key_id:
        return None
    return Credentials(
        environment[names.key_id], environment[names.secret], environment.get(names.token)
    )
