"""
What a user wants of every object that is written to a bucket.

Threads: a value.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ossfs.store.api import NOTHING
from ossfs.store.dialects.base import Dialect


@dataclass(frozen=True, slots=True)
class WriteHeaders:
    """Options of writing that hold for a whole bucket; None: as the bucket is configured."""

    storage_class: str | None = None
    """Standard, IA, Archive …, as the dialect words it."""
    encryption: str | None = None
    """Server-side encryption: AES256, KMS, SM4 (S3: aws:kms)."""
    encryption_key_id: str | None = None
    """The key for KMS."""
    acl: str | None = None
    """private, public-read, public-read-write, default."""
    tagging: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Tags of new objects; copies keep those of their source."""
    callback: str | None = None
    """What the store calls when an object is complete: JSON, as "Callback" describes it."""
    callback_variables: str | None = None
    """Values for the callback's body, JSON too; their names begin with `x:`."""

    def of_put(self, dialect: Dialect) -> dict[str, str]:
        """Return the headers of a put."""
        return self.of_new(dialect) | self._of_callback(dialect)

    def of_new(self, dialect: Dialect) -> dict[str, str]:
        """Return the headers of an append or new upload."""
        headers = self.of_copy(dialect)
        if self.tagging:
            pairs = (f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in self.tagging.items())
            headers[f"{dialect.prefix}tagging"] = "&".join(pairs)
        return headers

    def of_copy(self, dialect: Dialect) -> dict[str, str]:
        """Return the headers of a copy, which inherits neither class, encryption nor ACL."""
        headers = self.of_link(dialect)
        if self.encryption:
            headers[f"{dialect.prefix}server-side-encryption"] = self.encryption
        if self.encryption_key_id:
            headers[f"{dialect.prefix}{dialect.words.encryption_key_id}"] = self.encryption_key_id
        return headers

    def of_link(self, dialect: Dialect) -> dict[str, str]:
        """Return the headers of a symlink, which has no bytes to encrypt."""
        headers = self._of_acl(dialect)
        if self.storage_class:
            headers[f"{dialect.prefix}storage-class"] = self.storage_class
        return headers

    def of_complete(self, dialect: Dialect) -> dict[str, str]:
        """Return the headers of Complete; the rest was said when the upload began."""
        acl = self._of_acl(dialect) if dialect.words.is_acl_at_complete else {}
        return acl | self._of_callback(dialect)

    def _of_acl(self, dialect: Dialect) -> dict[str, str]:
        return {f"{dialect.prefix}{dialect.words.acl}": self.acl} if self.acl else {}

    def _of_callback(self, dialect: Dialect) -> dict[str, str]:
        wanted = {"callback": self.callback, "callback-var": self.callback_variables}
        return {
            f"{dialect.prefix}{name}": base64.b64encode(text.encode()).decode()
            for name, text in wanted.items()
            if text
        }
