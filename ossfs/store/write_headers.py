"""
What a user wants of every object that is written to a bucket.

Threads: a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ossfs.store.api import NOTHING


@dataclass(frozen=True, slots=True)
class WriteHeaders:
    """Options of writing that hold for a whole bucket; None: as the bucket is configured."""

    storage_class: str | None = None
    """Standard, IA, Archive …, as the dialect words it."""
    encryption: str | None = None
    """Server-side encryption: AES256, KMS, SM4."""
    encryption_key_id: str | None = None
    """The key for KMS."""
    acl: str | None = None
    """private, public-read, public-read-write, default."""
    tagging: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Tags of new objects; copies keep those of their source."""

    def of_new(self, prefix: str) -> dict[str, str]:
        """Return the headers of a put, append or new upload; `prefix` is the dialect's."""
        headers = self.of_copy(prefix)
        if self.tagging:
            pairs = (f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in self.tagging.items())
            headers[f"{prefix}tagging"] = "&".join(pairs)
        return headers

    def of_copy(self, prefix: str) -> dict[str, str]:
        """Return the headers of a copy, which inherits neither class, encryption nor ACL."""
        headers = self.of_link(prefix)
        if self.encryption:
            headers[f"{prefix}server-side-encryption"] = self.encryption
        if self.encryption_key_id:
            headers[f"{prefix}server-side-encryption-key-id"] = self.encryption_key_id
        return headers

    def of_link(self, prefix: str) -> dict[str, str]:
        """Return the headers of a symlink, which has no bytes to encrypt."""
        headers = self.of_complete(prefix)
        if self.storage_class:
            headers[f"{prefix}storage-class"] = self.storage_class
        return headers

    def of_complete(self, prefix: str) -> dict[str, str]:
        """Return the headers of Complete; the rest was said when the upload began."""
        return {f"{prefix}object-acl": self.acl} if self.acl else {}
