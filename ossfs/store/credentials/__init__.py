"""
Who we are to the store.

- `values`: what credentials are, and what is asked for them
- `environment`, `files`: those that lie ready on this machine
- `process`, `metadata`, `sts`: those that somebody else issues, for a while
- `refreshing`: renews them before they end, or when the store refuses them
- `finding`: looks through all of these in the order that a user expects

Secrets show themselves as `***`, and what they are read from is held in the same way while
it is taken apart, so that none gets into a message, a log or the locals of a trace.

Threads: a provider may be asked from any thread.
"""

from ossfs.store.credentials.finding import CredentialChoice, found_credentials
from ossfs.store.credentials.refreshing import Refreshing
from ossfs.store.credentials.values import (
    Credentials,
    CredentialsProvider,
    CredentialsSource,
    FixedCredentials,
    Secret,
)

__all__ = [
    "CredentialChoice",
    "Credentials",
    "CredentialsProvider",
    "CredentialsSource",
    "FixedCredentials",
    "Refreshing",
    "Secret",
    "found_credentials",
]
