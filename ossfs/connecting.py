"""
From the options of the store to a bucket that can be used.

    config → transport → Bucket → Metered → Retrying

`assembly` puts the file system on top; a command that only moves objects stops here, and so
does a Python program that calls `connect`.

Threads: none start here; what is returned may be used from any thread.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ossfs.clock import Clock, SystemClock
from ossfs.config import OPTIONS, MountConfig, StoreConfig, resolve
from ossfs.errors import InvalidOption
from ossfs.observe.metrics import Metrics
from ossfs.store.addressing import Endpoint, endpoint_of, parse_endpoint
from ossfs.store.api import ObjectStore
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import (
    CredentialChoice,
    Credentials,
    CredentialsProvider,
    FixedCredentials,
    found_credentials,
)
from ossfs.store.dialects.base import Dialect
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.interrupts import InterruptibleClock
from ossfs.store.metered import Metered
from ossfs.store.retrying import Retrying, RetryOptions
from ossfs.store.transport import HttpTransport, TransportOptions
from ossfs.store.write_headers import WriteHeaders

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
CONNECTIONS = 64
"""At a time, for programs that do not say."""
DEFAULT_REGIONS: Mapping[str, str] = {"oss": "cn-hangzhou", "tos": "cn-beijing", "s3": "us-east-1"}
"""What an endpoint is taken to be in that does not tell: a test server, a store of one's own."""


def transport_options(
    config: StoreConfig, environment: Mapping[str, str], *, connections: int
) -> TransportOptions:
    """
    Return how connections are made; `connections` are enough for all that goes on at a time.

    InvalidOption: certificates that cannot be read.
    """
    proxies = None
    if config.proxy is not None:
        proxies = {} if config.proxy == "none" else dict.fromkeys(("http", "https"), config.proxy)
    return TransportOptions(
        connections=config.connections or connections,
        connect_timeout_s=config.connect_timeout_s,
        read_timeout_s=config.read_timeout_s,
        ca_bundle=_ca_bundle(config.ca_file, environment) if config.verify_tls else "",
        verify_tls=config.verify_tls,
        proxies=proxies,
    )


def _ca_bundle(given: Path | None, environment: Mapping[str, str]) -> str:
    named = next((name for name in CA_VARIABLES if environment.get(name)), "")
    if given is None and not named:
        return ""
    path, source = (given, "--ca-file") if given else (Path(environment[named]), named)
    if path.is_dir():
        return str(path)
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # SSLError, too: no certificate in it
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidOption(f"{source}: {path}: {reason}") from error
    return str(path)


def credentials_for(
    config: MountConfig, network: TransportOptions, clock: Clock, environment: Mapping[str, str]
) -> CredentialsProvider:
    """Return who we are to the bucket. InvalidOption."""
    chosen = config.credentials
    return found_credentials(
        config.url.bucket,
        scheme=config.url.scheme,
        environment=environment,
        home=Path.home(),
        choice=CredentialChoice(
            file=chosen.credentials_file,
            process=chosen.credential_process,
            profile=chosen.profile,
            ram_role=chosen.ram_role,
            role_arn=chosen.role_arn,
            role_session=chosen.role_session_name,
            external_id=chosen.external_id,
            sts_endpoint=chosen.sts_endpoint,
        ),
        network=network,
        clock=clock,
    )


def open_store(
    config: MountConfig,
    transport: HttpTransport,
    credentials: CredentialsProvider,
    clock: Clock,
    *,
    metrics: Metrics | None = None,
    caller_reports: bool = False,
) -> ObjectStore:
    """
    Return the bucket, tried again and counted; nothing is asked yet. InvalidOption.

    `caller_reports`: who uses it tells the user of errors, so that the log need not.
    """
    metrics = metrics or Metrics()
    store = counted_bucket(config, transport, credentials, clock, metrics=metrics)
    options = replace(retry_options(config), caller_reports=caller_reports)
    return Retrying(store, options=options, metrics=metrics, clock=clock)


def counted_bucket(
    config: MountConfig,
    transport: HttpTransport,
    credentials: CredentialsProvider,
    clock: Clock,
    *,
    metrics: Metrics,
) -> Metered:
    """Return the bucket, every request counted and none repeated. InvalidOption."""
    endpoint = endpoint_for(config)
    dialect = dialect_for(config, endpoint)
    objects = config.objects
    payer = {f"{dialect.prefix}request-payer": "requester"} if config.store.requester_pays else {}
    bucket = Bucket(
        transport=transport,
        dialect=dialect,
        credentials=credentials,
        endpoint=endpoint,
        name=config.url.bucket,
        write_headers=WriteHeaders(
            storage_class=objects.storage_class,
            encryption=objects.sse,
            encryption_key_id=objects.sse_kms_id,
            acl=objects.acl,
            tagging=dict(objects.tagging),
            callback=objects.callback,
            callback_variables=objects.callback_var,
        ),
        every_header=payer,
        traffic_limit=config.store.traffic_limit,
        clock=clock,
    )
    return Metered(bucket, metrics=metrics, clock=clock)


def retry_options(config: MountConfig) -> RetryOptions:
    """Return how long requests are tried again."""
    return RetryOptions(
        deadline_s=config.store.deadline_s,
        read_deadline_s=min(config.store.deadline_s, RetryOptions().read_deadline_s),
        most_retries=config.store.retries,
    )


class ConnectedBucket(Retrying):
    """
    A bucket as `connect` opens it: an `ossfs.store.api.ObjectStore` that can be closed.

    Requests are repeated when that may help. Use it in a `with` statement, or call `close`.
    """

    def __init__(self, store: ObjectStore, config: MountConfig, transport: HttpTransport) -> None:
        super().__init__(store, options=retry_options(config), clock=InterruptibleClock())
        self._transport = transport

    def __repr__(self) -> str:
        return f"<bucket {self.place}>"

    def __enter__(self) -> "ConnectedBucket":  # noqa: PYI034  # Self needs Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; those that a transfer uses at the moment end with it."""
        self._transport.close()


def connect(
    url: str,
    *,
    endpoint: str | None = None,
    region: str | None = None,
    access_key_id: str | None = None,
    access_key_secret: str | None = None,
    security_token: str | None = None,
    **options: str | float | Path | Mapping[str, str],
) -> ConnectedBucket:
    """
    Open a bucket, `oss://NAME`, `tos://NAME` or `s3://NAME`; nothing is asked yet.

    Either `endpoint` or `region` has to be given. Without a key, credentials are looked for
    where `ossfs mount` looks for them (docs/credentials.md). `options` are those of
    docs/configuration.md about the store, credentials and objects, with underscores:
    `connections=8`, `read_timeout=30`, `storage_class="IA"`, `acl="private"`,
    `requester_pays=True`, `tagging={"team": "a"}` …

    InvalidOption: an option, or the URL, cannot be used.
    """
    given = {**options, "endpoint": endpoint, "region": region}
    config = resolve(url, flags={n: _as_flag(n, v) for n, v in given.items() if v is not None})
    if config.url.prefix:
        raise InvalidOption(f"{url}: a bucket is opened, not a folder of it")
    endpoint_for(config)  # what is wrong with it is said before who asks
    network = transport_options(config.store, os.environ, connections=CONNECTIONS)
    clock = SystemClock()
    credentials: CredentialsProvider
    if access_key_id is None and access_key_secret is None:
        credentials = credentials_for(config, network, clock, os.environ)
    elif not (access_key_id and access_key_secret):
        raise InvalidOption("a key id and a secret belong together")
    else:
        key = Credentials(access_key_id, access_key_secret, security_token)
        credentials = FixedCredentials(key)
    transport = HttpTransport(network)
    bucket = counted_bucket(config, transport, credentials, clock, metrics=Metrics())
    return ConnectedBucket(bucket, config, transport)


def _as_flag(name: str, value: object) -> str:
    """Write an option as on the command line. InvalidOption: it is not one of a bucket's."""
    named = OPTIONS.get(name)
    if named is None or named.group not in {"store", "credentials", "objects"}:
        raise InvalidOption(f"{name}: a bucket has no such option")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "&".join(f"{one}={text}" for one, text in value.items())
    return str(value)


def endpoint_for(config: MountConfig) -> Endpoint:
    """Return where the store answers, and the style in which it is told the bucket."""
    store, scheme = config.store, config.url.scheme
    if store.endpoint is None:
        if store.region is None:
            raise InvalidOption("where is the bucket? give --endpoint or --region")
        if store.addressing == "cname":
            raise InvalidOption("--addressing cname: give the bucket's own domain as --endpoint")
        found = endpoint_of(
            store.region, scheme=scheme, internal=store.internal, accelerate=store.accelerate
        )
    elif store.internal or store.accelerate:
        option = "internal" if store.internal else "accelerate"
        raise InvalidOption(f"--{option} chooses an endpoint, and --endpoint does, too")
    else:
        found = parse_endpoint(store.endpoint)
    if store.addressing == "virtual":
        return Endpoint(found.origin, "virtual")
    if store.addressing == "cname":
        return Endpoint(found.origin, "cname")
    # A certificate for *.host is not good for a.b.host.
    is_dotted = "." in config.url.bucket and found.origin.scheme == "https"
    return Endpoint(
        found.origin, "path" if store.addressing == "path" or is_dotted else found.style
    )


def dialect_for(config: MountConfig, endpoint: Endpoint) -> Dialect:
    """Return how the store is spoken to. InvalidOption: it has no such thing."""
    scheme, store = config.url.scheme, config.store
    told = store.region or endpoint.region
    region = told or DEFAULT_REGIONS[scheme]
    if scheme == "s3":
        _refuse_of_s3(config)
        return s3_dialect(
            region=region,
            conditional_writes=store.conditional_writes,
            conditional_copies=endpoint.origin.host.endswith(".amazonaws.com"),
        )
    if scheme == "tos":
        return tos_dialect(region=region)
    if store.signature_version == "auto":
        return oss_dialect(region=told)
    return oss_dialect(region=region, version=1 if store.signature_version == "v1" else 4)


def _refuse_of_s3(config: MountConfig) -> None:
    given = {
        "--traffic-limit": config.store.traffic_limit,
        "--callback": config.objects.callback,
        "--callback-var": config.objects.callback_var,
    }
    for option, value in given.items():
        if value is not None:
            raise InvalidOption(f"{option}: S3 has nothing like it")
