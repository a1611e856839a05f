"""
Everything that can go wrong, with the errno an application sees.

    OssfsError                     EIO
    ├── InvalidOption              EINVAL     an option or URL that cannot be used
    ├── StagingFull                ENOSPC     local disk: the reserve would be touched
    ├── StateInUse                 EBUSY      another process owns the state directory
    ├── JournalDamaged             EIO        the journal cannot be read
    │   └── JournalUnusable        EIO        nothing says that it is damaged: keep off
    ├── MountFailed                EIO        the mount did not come up; the message says why
    ├── UploadCancelled            ECANCELED  the file was unlinked, or the user said so
    ├── EditConflict               ESTALE     the edited object was changed by somebody else
    │   └── NameTaken              EEXIST     O_EXCL: somebody else made the file first
    ├── TransferError              EIO        of a file or stream to or from a bucket
    │   ├── TransferCancelled      ECANCELED  somebody called `Cancel.cancel`
    │   ├── TransferInUse          EBUSY      the same transfer runs already
    │   ├── SourceChanged          ESTALE     the file changed while it was uploaded
    │   ├── RemoteChanged          ESTALE     the object kept changing while it was downloaded
    │   ├── Damaged                EIO        the bytes that arrived are not the object's
    │   └── LocalFailure           EIO        the local file; its OSError is the cause
    └── StoreError                 EIO        an answer, or no answer, of the object store
        ├── NotFound               ENOENT
        │   ├── NoSuchKey
        │   ├── NoSuchBucket
        │   └── NoSuchUpload
        ├── AccessDenied           EACCES
        │   ├── InvalidCredentials            unknown key id, wrong secret
        │   ├── CredentialsExpired
        │   ├── ClockSkewed                   this machine's clock is off
        │   ├── ObjectArchived                must be restored first
        │   └── Immutable          EROFS      a retention policy keeps it as it is
        ├── QuotaExceeded          EDQUOT     the bucket or account may not hold more
        ├── AlreadyExists          EEXIST     forbid-overwrite
        ├── PreconditionFailed     ESTALE     If-Match: another version is there
        ├── NotModified            EIO        If-None-Match: the very version is there
        ├── Conflict               EBUSY      other 409
        ├── PositionMismatch       EIO        append at a position that is not the end
        ├── RangeNotSatisfiable    EIO        the range starts behind the end
        ├── ObjectTooLarge         EFBIG
        ├── InvalidName            EINVAL     the key or bucket name is refused
        ├── InvalidRequest         EIO        the store refused the request as malformed
        ├── NotSupported           ENOTSUP
        ├── CallbackFailed         EIO        203: the object is stored, its callback failed
        ├── Untrusted              EIO        the server's certificate proves nothing to us
        └── Transient              EIO        worth trying again
            ├── Throttled
            ├── ServerFault                   5xx
            ├── Unreachable                   no connection, or it broke
            ├── TimedOut           ETIMEDOUT
            ├── ShortBody                     fewer bytes than announced
            └── ChecksumMismatch

The errno belongs to the class; adapters only read it. POSIX conditions that have
nothing to do with the store (no such file, not a directory …) are Python's own
`OSError` subclasses and are raised by `ossfs.vfs`.

`is_worth_rerunning` says that the same call may succeed when it is made again, and then
goes on where the failed one stopped, if it keeps a checkpoint.
"""

import errno as codes
from typing import ClassVar


class OssfsError(Exception):
    """Base of every error that ossfs raises itself."""

    errno: ClassVar[int] = codes.EIO
    is_worth_rerunning: ClassVar[bool] = False
    """The same call, made again, may succeed."""


class InvalidOption(OssfsError):
    """An option, URL or file given by the user cannot be used."""

    errno = codes.EINVAL


class StagingFull(OssfsError):
    """Accepting more bytes would touch the reserve of the staging disk."""

    errno = codes.ENOSPC


class StateInUse(OssfsError):
    """Another process holds the lock of the state directory."""

    errno = codes.EBUSY


class JournalDamaged(OssfsError):
    """The journal exists but cannot be read."""


class JournalUnusable(JournalDamaged):
    """The journal is of a newer version, locked, or out of reach, and not to be touched."""


class MountFailed(OssfsError):
    """The mount did not come up; the message says why and what to do."""


class EditConflict(OssfsError):
    """The object was changed by somebody else since the edit began."""

    errno = codes.ESTALE


class NameTaken(EditConflict):
    """A file that was to be the only one of its name (O_EXCL) was made by somebody else first."""

    errno = codes.EEXIST


class UploadCancelled(OssfsError):
    """An upload was stopped on request; what the store holds of it stays."""

    errno = codes.ECANCELED


class TransferError(OssfsError):
    """A transfer did not do what was asked; the message says of what and why."""

    def __init__(
        self, message: str, *, bucket: str = "", key: str = "", path: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.bucket = bucket
        self.key = key
        self.path = path
        self.request_id = request_id

    def __str__(self) -> str:
        where = f"{self.bucket}/{self.key}" + (f" and {self.path}" if self.path else "")
        text = f"{where}: {self.message}" if self.bucket or self.key else self.message
        return f"{text} (request id {self.request_id})" if self.request_id else text


class TransferCancelled(TransferError):
    """The transfer was stopped on request; what it left behind is what the request said."""

    errno = codes.ECANCELED
    is_worth_rerunning = True


class TransferInUse(TransferError):
    """Another process or thread transfers from the same source to the same target."""

    errno = codes.EBUSY
    is_worth_rerunning = True


class SourceChanged(TransferError):
    """The local file changed while it was uploaded; nothing of it became an object."""

    errno = codes.ESTALE
    is_worth_rerunning = True


class RemoteChanged(TransferError):
    """The object was replaced each time its download had begun again."""

    errno = codes.ESTALE
    is_worth_rerunning = True


class Damaged(TransferError):
    """What arrived is not what was sent, by its CRC-64; it was thrown away."""

    is_worth_rerunning = True


class LocalFailure(TransferError):
    """The local file could not be read or written; `__cause__` is the OSError."""


class StoreError(OssfsError):
    """
    The object store refused, failed, or did not answer.

    `status` is the HTTP status (0: no answer), `code` the store's error code (empty:
    none given), `request_id` what the operator of the store needs to find the request.
    """

    def __init__(
        self,
        message: str = "",
        *,
        operation: str = "",
        bucket: str = "",
        key: str = "",
        status: int = 0,
        code: str = "",
        request_id: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.bucket = bucket
        self.key = key
        self.status = status
        self.code = code
        self.request_id = request_id
        self.detail = detail

    def __str__(self) -> str:
        what = f"{self.operation or 'request'} {self.bucket}/{self.key}".strip()
        answer = " ".join(str(part) for part in (self.status or "", self.code) if part)
        pieces = [what, answer, self.message or type(self).__name__]
        text = ": ".join(piece for piece in pieces if piece)
        return f"{text} (request id {self.request_id})" if self.request_id else text


class NotFound(StoreError):
    """Nothing is there."""

    errno = codes.ENOENT


class NoSuchKey(NotFound):
    """The object does not exist."""


class NoSuchBucket(NotFound):
    """The bucket does not exist."""


class NoSuchUpload(NotFound):
    """The multipart upload does not exist: completed, aborted, or never there."""

    is_worth_rerunning = True


class AccessDenied(StoreError):
    """The store knows us and says no."""

    errno = codes.EACCES


class InvalidCredentials(AccessDenied):
    """The key id is unknown or the secret is wrong."""


class CredentialsExpired(AccessDenied):
    """The temporary credentials have expired."""

    is_worth_rerunning = True


class ClockSkewed(AccessDenied):
    """The request's time is too far from the server's (15 minutes on OSS)."""


class ObjectArchived(AccessDenied):
    """The object's bytes are in an archive class and must be restored first."""


class Immutable(AccessDenied):
    """A retention policy of the bucket keeps the object from being changed or deleted."""

    errno = codes.EROFS


class QuotaExceeded(StoreError):
    """The bucket, the account or the server has no room for more."""

    errno = codes.EDQUOT


class AlreadyExists(StoreError):
    """The key exists and the request forbade to overwrite it."""

    errno = codes.EEXIST


class PreconditionFailed(StoreError):
    """Another version than the expected one is there."""

    errno = codes.ESTALE
    is_worth_rerunning = True


class NotModified(StoreError):
    """Only another version than the one there, or a newer one, was wanted."""


class Conflict(StoreError):
    """The store says the operation conflicts with the state of the resource."""

    errno = codes.EBUSY
    is_worth_rerunning = True


class PositionMismatch(StoreError):
    """Append: the position is not the object's length."""

    def __init__(self, message: str = "", *, next_position: int, **where: str | int) -> None:
        super().__init__(message, **where)  # type: ignore[arg-type]  # the names of StoreError
        self.next_position = next_position


class RangeNotSatisfiable(StoreError):
    """The range starts behind the end of the object."""


class ObjectTooLarge(StoreError):
    """The object, part or copy exceeds a limit of the store."""

    errno = codes.EFBIG


class InvalidName(StoreError):
    """The store refuses the name of the key or bucket."""

    errno = codes.EINVAL


class InvalidRequest(StoreError):
    """The store refused the request as malformed or not allowed in this state."""


class NotSupported(StoreError):
    """The store does not implement the operation."""

    errno = codes.ENOTSUP


class CallbackFailed(StoreError):
    """203: the object is stored, the callback after it failed. Never retry the put."""


class Untrusted(StoreError):
    """The server's certificate is not one that we trust, or is another host's."""


class Transient(StoreError):
    """Worth trying again; `retry_after_s` is the store's wish, if it had one."""

    is_worth_rerunning = True
    retry_after_s: float | None = None


class Throttled(Transient):
    """The store asks for fewer requests."""


class ServerFault(Transient):
    """The store failed (5xx)."""


class Unreachable(Transient):
    """No connection could be made, or it broke before the answer was complete."""


class TimedOut(Transient):
    """No answer within the time-out."""

    errno = codes.ETIMEDOUT


class ShortBody(Transient):
    """The answer ended before the announced length."""


class ChecksumMismatch(Transient):
    """The bytes differ from their CRC-64: on the way, or at the other end."""
