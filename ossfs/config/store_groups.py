"""
The options of the store: how it is reached, who asks, and what is said of new objects.

See `groups` for how fields are named.
"""

from dataclasses import dataclass
from pathlib import Path

from ossfs.config.kinds import (
    BOOLEAN,
    DURATION,
    ENDPOINT,
    INTEGER,
    JSON,
    PATH,
    PROXY,
    TAGS,
    TEXT,
    WORD,
    choice,
    option,
)


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """How the object store is reached."""

    endpoint: str | None = option(
        None,
        ENDPOINT,
        "Where the store answers, e.g. `https://oss-cn-hangzhou.aliyuncs.com`;"
        " without a scheme, https is meant.",
        default_note="from the region",
    )
    region: str | None = option(
        None,
        TEXT,
        "Region of the bucket, e.g. `cn-hangzhou`; part of every V4 signature.",
        default_note="from the endpoint's name",
    )
    internal: bool = option(
        False,
        BOOLEAN,
        "With `region` instead of `endpoint`: the endpoint inside of the cloud (OSS, TOS).",
    )
    accelerate: bool = option(
        False,
        BOOLEAN,
        "Without `endpoint`: the one for transfer acceleration (OSS, S3), if the bucket has it.",
    )
    signature_version: str = option(
        "auto",
        choice("auto", "v1", "v4"),
        "How requests to OSS are signed. `auto`: by version 4 when the region is known, else by 1.",
    )
    addressing: str = option(
        "auto",
        choice("auto", "virtual", "path", "cname"),
        "Where the bucket's name goes: before the host name (`virtual`), into the path, or"
        " nowhere, because `endpoint` is a domain that is bound to the bucket (`cname`)."
        " `auto`: into the path for IP addresses, localhost, and names of buckets with dots"
        " over https, else before the host name.",
    )
    conditional_writes: bool = option(
        True,
        BOOLEAN,
        "The S3 server heeds If-Match and If-None-Match on writes. One that does not ignores"
        " them, and overwrites: then say no.",
    )
    proxy: str | None = option(
        None,
        PROXY,
        "HTTP proxy for every request; `none`: no proxy, whatever the environment says.",
        default_note="the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`",
    )
    ca_file: Path | None = option(
        None,
        PATH,
        "File (PEM) or folder of the certificates of authorities to trust, instead of the"
        " usual ones.",
        default_note="`REQUESTS_CA_BUNDLE` or `SSL_CERT_FILE` in the environment, else"
        " Mozilla's list",
    )
    verify_tls: bool = option(
        True, BOOLEAN, "Check the store's certificate. Without it, anybody may be the store."
    )
    connections: int | None = option(
        None,
        INTEGER,
        "Most connections to the store at a time.",
        minimum=1,
        maximum=1024,
        default_note="as many as there can be requests at a time",
    )
    connect_timeout_s: float = option(
        10.0, DURATION, "Longest wait for a connection.", minimum=0.1, maximum=600.0
    )
    read_timeout_s: float = option(
        60.0,
        DURATION,
        "Longest silence of the store in the middle of a request.",
        minimum=0.1,
        maximum=3600.0,
    )
    deadline_s: float = option(
        300.0,
        DURATION,
        "A request that did not succeed within this time, however often it was tried again,"
        " fails; reading an object at most a minute after the last byte that came.",
        minimum=1.0,
        maximum=86400.0,
    )
    retries: int | None = option(
        None,
        INTEGER,
        "How often a request is tried again, at most.",
        minimum=0,
        maximum=1000,
        default_note="until the deadline",
    )
    requester_pays: bool = option(
        False, BOOLEAN, "Agree to pay for the requests to somebody else's bucket."
    )
    traffic_limit: int | None = option(
        None,
        INTEGER,
        "Bits a second that the store lets through for each request that moves bytes (OSS, TOS).",
        minimum=819_200,
        maximum=838_860_800,
        default_note="none",
    )


@dataclass(frozen=True, slots=True)
class CredentialsConfig:
    """Who asks; without any of these, what the environment and home directory hold."""

    credentials_file: Path | None = option(
        None,
        PATH,
        "File of lines `bucket:id:secret` or `id:secret`, readable by its owner only.",
        default_note="none: `docs/credentials.md` says where else they are looked for",
    )
    credential_process: str | None = option(
        None,
        TEXT,
        "Command that prints credentials as JSON; run without a shell, again before they end.",
        default_note="none",
    )
    profile: str | None = option(
        None,
        TEXT,
        "Profile in `~/.aws/credentials` and `~/.aws/config` (S3) or `~/.ossutilconfig` (OSS).",
        default_note="`AWS_PROFILE` in the environment (S3), else `default`",
    )
    ram_role: str | None = option(
        None,
        TEXT,
        "Role of this ECS server, from its metadata service: a name, `auto`, or the"
        " service's URL that ends in the name.",
        default_note="`ALIBABA_CLOUD_ECS_METADATA` in the environment, else none",
    )
    role_arn: str | None = option(
        None,
        TEXT,
        "RAM role to assume with the credentials that were found.",
        default_note="none",
    )
    role_session_name: str | None = option(
        None,
        TEXT,
        "Name of the session that assumes the role, for its owner's logs.",
        default_note="`ALIBABA_CLOUD_ROLE_SESSION_NAME` in the environment, else `ossfs`",
    )
    external_id: str | None = option(
        None, TEXT, "External id that the role to assume demands.", default_note="none"
    )
    sts_endpoint: str | None = option(
        None,
        ENDPOINT,
        "Where roles are assumed, e.g. `sts-vpc.cn-hangzhou.aliyuncs.com`.",
        default_note="`https://sts.aliyuncs.com`",
    )


@dataclass(frozen=True, slots=True)
class ObjectsConfig:
    """What is said of every object that is written; else the bucket's own settings hold."""

    storage_class: str | None = option(
        None,
        WORD,
        "Storage class, in the store's words, e.g. `IA` (OSS, TOS), `STANDARD_IA` (S3).",
        default_note="the bucket's",
    )
    sse: str | None = option(
        None,
        choice("AES256", "KMS", "SM4", "aws:kms", "aws:kms:dsse"),
        "Encryption at the server.",
        default_note="the bucket's",
    )
    sse_kms_id: str | None = option(
        None, TEXT, "Id of the key for `sse` by a key service (KMS).", default_note="the bucket's"
    )
    acl: str | None = option(
        None,
        choice(
            *("default", "private", "public-read", "public-read-write", "authenticated-read"),
            *("bucket-owner-read", "bucket-owner-full-control"),
        ),
        "Who may use the objects.",
        default_note="the bucket's",
    )
    tagging: tuple[tuple[str, str], ...] = option(
        (), TAGS, "Tags of new objects: `team=a&project=b`.", default_note="none"
    )
    callback: str | None = option(
        None,
        JSON,
        "Callback (OSS) after each upload: `callbackUrl`, `callbackBody` … as in OSS's"
        " documentation. An upload whose callback fails is stored, and reported.",
        default_note="none",
    )
    callback_var: str | None = option(
        None, JSON, 'Variables for it: `{"x:name": "value"}`.', default_note="none"
    )
