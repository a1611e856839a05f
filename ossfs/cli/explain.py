"""
What to do about an error: one piece of advice per class of `ossfs.errors`.

`explain` gives what was attempted and what the server said (the error's own words, with
the request id), followed by what to do. `docs/troubleshooting.md` has the same, longer.
"""

from collections.abc import Mapping

from ossfs.config import MountConfig
from ossfs.errors import (
    AccessDenied,
    CallbackFailed,
    ClockSkewed,
    CredentialsExpired,
    InvalidCredentials,
    JournalDamaged,
    JournalUnusable,
    NoSuchBucket,
    ObjectArchived,
    OssfsError,
    StagingFull,
    StoreError,
    Throttled,
    TimedOut,
    Transient,
    Unreachable,
)

VARIABLES: Mapping[str, str] = {
    "oss": "OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET and, if used, OSS_SESSION_TOKEN",
    "tos": "TOS_ACCESS_KEY, TOS_SECRET_KEY and, if used, TOS_SECURITY_TOKEN",
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if used, AWS_SESSION_TOKEN",
}

# The most specific class wins. {endpoint}, {bucket} and {credentials} are filled in.
ADVICE: Mapping[type[OssfsError], str] = {
    NoSuchBucket: "There is no bucket {bucket} at {endpoint}."
    " Check its name, and that the endpoint is the one of its region.",
    InvalidCredentials: "The key id is not known, or the secret does not fit to it."
    " Check {credentials}.",
    CredentialsExpired: "The temporary credentials have run out."
    " Put new ones into {credentials} and mount again.",
    ClockSkewed: "This machine's clock is too far from the server's (15 minutes are allowed)."
    " Set it, for example with `timedatectl set-ntp true`.",
    AccessDenied: "The credentials are valid but may not do this."
    " A mount needs oss:ListObjects and oss:GetObject, and to write oss:PutObject,"
    " oss:DeleteObject, oss:ListParts and oss:AbortMultipartUpload."
    " An endpoint of another region than the bucket's is refused like this, too.",
    ObjectArchived: "Bytes that are archived are restored first, which takes minutes to days:"
    " `ossfs restore --status` says how far it is.",
    CallbackFailed: "The object is in the bucket, whole. Only the application server that the store"
    " was to call did not answer with 200 and JSON; repeat that, not the upload.",
    Unreachable: "No server answers at {endpoint}."
    " Check --endpoint (host, port, http or https) and the network;"
    " endpoints with `-internal` answer only inside Alibaba Cloud.",
    TimedOut: "The server at {endpoint} does not answer in time. Check --endpoint and the network.",
    Throttled: "The store asks for fewer requests; try again later.",
    Transient: "This may pass; try again. If it stays, check --endpoint ({endpoint}).",
    StagingFull: "Free some space on the disk of the state folder, or choose another with"
    " --state-dir.",
    JournalUnusable: "The state folder may hold bytes that are not in the bucket yet, so nothing in"
    " it was touched. Use the version of ossfs that wrote it, or see that this user may write"
    " there; or mount with another --state-dir.",
    JournalDamaged: "The journal is put aside by the next mount, and the local bytes that it told"
    " of are kept in `lost+found` beside it; `ossfs uploads list` shows them.",
}


def explain(error: OssfsError, config: MountConfig | None = None) -> str:
    """Say what happened and, where we know it, what to do; several lines."""
    lines = [str(error) or type(error).__name__]
    if isinstance(error, StoreError) and error.detail:
        lines.append(f"The server adds: {' '.join(error.detail.split())}")
    advice = next((ADVICE[cls] for cls in type(error).__mro__ if cls in ADVICE), None)
    if advice is not None:
        lines.append(advice.format_map(_facts(error, config)))
    return "\n  ".join(lines)


def _facts(error: OssfsError, config: MountConfig | None) -> dict[str, str]:
    bucket = error.bucket if isinstance(error, StoreError) else ""
    endpoint, credentials = "the endpoint", VARIABLES["oss"]
    if config is not None:
        bucket = config.url.bucket
        region = f"the endpoint of region {config.store.region}"
        endpoint = config.store.endpoint or region
        credentials = _source(config)
    return {
        "bucket": bucket or "of that name",
        "endpoint": endpoint,
        "credentials": credentials,
    }


def _source(config: MountConfig) -> str:
    """Name where the credentials come from, as far as the options tell."""
    chosen = config.credentials
    if chosen.credentials_file is not None:
        return str(chosen.credentials_file)
    if chosen.credential_process is not None:
        return "what --credential-process prints"
    if chosen.ram_role is not None:
        return f"--ram-role {chosen.ram_role}"
    if chosen.profile is not None:
        return f"the profile {chosen.profile}"
    return VARIABLES[config.url.scheme]
