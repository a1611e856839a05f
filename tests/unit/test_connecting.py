"""From options to a bucket: where it is, how it is spoken to, what is said with each request."""

import pytest

from ossfs.clock import FakeClock
from ossfs.config import resolve
from ossfs.connecting import dialect_for, endpoint_for, open_store, transport_options
from ossfs.errors import InvalidOption, ServerFault
from ossfs.store.api import BytesBody, Headers
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss_v1 import OssV1
from ossfs.store.dialects.oss_v4 import OssV4


def config_of(url="oss://mine", **flags):
    """Return the configuration that flags make."""
    return resolve(url, flags={name: str(value) for name, value in flags.items()})


@pytest.mark.parametrize(
    ("url", "flags", "host", "prefix"),
    [
        ("oss://mine", {"region": "cn-beijing"}, "mine.oss-cn-beijing.aliyuncs.com", "/"),
        (
            "oss://mine",
            {"region": "cn-beijing", "internal": "true"},
            "mine.oss-cn-beijing-internal.aliyuncs.com",
            "/",
        ),
        (
            "oss://mine",
            {"region": "cn-beijing", "accelerate": "true"},
            "mine.oss-accelerate.aliyuncs.com",
            "/",
        ),
        ("tos://mine", {"region": "cn-beijing"}, "mine.tos-cn-beijing.volces.com", "/"),
        (
            "tos://mine",
            {"region": "cn-beijing", "internal": "true"},
            "mine.tos-cn-beijing.ivolces.com",
            "/",
        ),
        ("s3://mine", {"region": "eu-west-1"}, "mine.s3.eu-west-1.amazonaws.com", "/"),
        ("s3://mine", {"region": "cn-north-1"}, "mine.s3.cn-north-1.amazonaws.com.cn", "/"),
        ("s3://my.own", {"region": "eu-west-1"}, "s3.eu-west-1.amazonaws.com", "/my.own/"),
        ("s3://my.own", {"endpoint": "http://s3.example.com"}, "my.own.s3.example.com", "/"),
        (
            "s3://my.own",
            {"endpoint": "https://s3.example.com", "addressing": "virtual"},
            "my.own.s3.example.com",
            "/",
        ),
        (
            "s3://mine",
            {"endpoint": "minio.example.com:9000", "addressing": "path"},
            "minio.example.com",
            "/mine/",
        ),
        (
            "oss://mine",
            {"endpoint": "files.example.com", "addressing": "cname"},
            "files.example.com",
            "/",
        ),
        ("oss://mine", {"endpoint": "http://[::1]:9000"}, "::1", "/mine/"),
    ],
)
def test_where_a_bucket_is(url, flags, host, prefix):
    """By region or endpoint, in each style."""
    config = config_of(url, **flags)
    address = endpoint_for(config).address(config.url.bucket)

    assert (host, prefix) == (address.origin.host, address.prefix)


@pytest.mark.parametrize(
    ("url", "flags", "complaint"),
    [
        ("oss://mine", {}, "--endpoint or --region"),
        ("oss://mine", {"region": "x", "addressing": "cname"}, "own domain as --endpoint"),
        ("oss://mine", {"endpoint": "x.com", "internal": "true"}, "--internal chooses"),
        ("oss://mine", {"endpoint": "x.com", "accelerate": "true"}, "--accelerate chooses"),
        ("s3://mine", {"region": "eu-west-1", "internal": "true"}, "no internal endpoints"),
        ("tos://mine", {"region": "cn-beijing", "accelerate": "true"}, "no accelerated"),
        (
            "oss://mine",
            {"region": "cn-beijing", "internal": "true", "accelerate": "true"},
            "not both",
        ),
        ("oss://mine", {"region": "cn beijing"}, "no region"),
    ],
)
def test_where_no_bucket_is(url, flags, complaint):
    """What contradicts itself is refused."""
    with pytest.raises(InvalidOption, match=complaint):
        endpoint_for(config_of(url, **flags))


@pytest.mark.parametrize(
    ("flags", "signer"),
    [
        ({"endpoint": "oss-cn-hangzhou.aliyuncs.com"}, OssV4("cn-hangzhou")),
        ({"endpoint": "oss-accelerate.aliyuncs.com"}, OssV1()),
        ({"endpoint": "oss-accelerate.aliyuncs.com", "region": "cn-beijing"}, OssV4("cn-beijing")),
        ({"region": "cn-beijing", "signature_version": "v1"}, OssV1()),
        ({"endpoint": "example.com", "signature_version": "v4"}, OssV4("cn-hangzhou")),
    ],
)
def test_how_oss_is_signed(flags, signer):
    """By version 4 where the region is known."""
    config = config_of(**flags)

    assert signer == dialect_for(config, endpoint_for(config)).signer


@pytest.mark.parametrize(
    ("url", "flags", "region"),
    [
        ("s3://mine", {"endpoint": "http://minio:9000"}, "us-east-1"),
        ("s3://mine", {"endpoint": "s3.eu-west-1.amazonaws.com"}, "eu-west-1"),
        ("s3://mine", {"endpoint": "http://minio:9000", "region": "here"}, "here"),
        ("tos://mine", {"endpoint": "tos-cn-guangzhou.ivolces.com"}, "cn-guangzhou"),
        ("tos://mine", {"endpoint": "http://127.0.0.1:1"}, "cn-beijing"),
    ],
)
def test_other_schemes_have_other_dialects(url, flags, region):
    """With the region that is given, that the endpoint tells, or that test servers have."""
    config = config_of(url, **flags)
    dialect = dialect_for(config, endpoint_for(config))

    assert (config.url.scheme, region) == (dialect.name, dialect.signer.region)


@pytest.mark.parametrize("option", ["traffic_limit", "callback", "callback_var"])
def test_what_s3_does_not_have(option):
    """It is refused rather than forgotten."""
    value = "900000" if option == "traffic_limit" else "{}"
    config = config_of("s3://mine", region="eu-west-1", **{option: value})

    with pytest.raises(InvalidOption, match=f"--{option.replace('_', '-')}: S3 has nothing"):
        dialect_for(config, endpoint_for(config))


def test_s3_without_conditions():
    """A server that ignores them is not sent any."""
    config = config_of("s3://mine", region="eu-west-1", conditional_writes="false")

    assert not dialect_for(config, endpoint_for(config)).capabilities.conditional_put


def test_network_options():
    """They reach the transport; connections are as many as are needed unless said otherwise."""
    flags = {"endpoint": "x.com", "connect_timeout": "3s", "read_timeout": "4s"}

    plain = transport_options(config_of(**flags).store, {}, connections=70)
    asked = transport_options(
        config_of(**flags, connections=5, proxy="http://p:1", verify_tls="false").store,
        {"SSL_CERT_FILE": "/nowhere"},  # not looked at: nothing is verified
        connections=70,
    )

    assert (70, 3.0, 4.0, None) == (
        plain.connections,
        plain.connect_timeout_s,
        plain.read_timeout_s,
        plain.proxies,
    )
    assert (5, {"http": "http://p:1", "https": "http://p:1"}) == (asked.connections, asked.proxies)
    no_proxy = transport_options(config_of(**flags, proxy="none").store, {}, connections=1)
    assert {} == no_proxy.proxies


class Recorder:
    """A transport that keeps what it is to send, and fails."""

    def __init__(self):
        self.sent = []

    def send(self, request):
        self.sent.append(request)
        raise ServerFault("out of order")


@pytest.mark.parametrize(
    ("url", "prefix", "acl"),
    [
        ("oss://mine", "x-oss-", "object-acl"),
        ("tos://mine", "x-tos-", "acl"),
        ("s3://mine", "x-amz-", "acl"),
    ],
)
def test_what_is_said_with_requests(url, prefix, acl, expect_log):
    """Class, encryption, ACL and tags of new objects; who pays, with every request."""
    expect_log("giving up op=put")
    expect_log("giving up op=list")
    sse = "aws:kms" if url.startswith("s3") else "KMS" if url.startswith("oss") else "AES256"
    flags = {
        "endpoint": "http://127.0.0.1:1",
        "storage_class": "IA",
        "sse": sse,
        "acl": "private",
        "tagging": "team=a b",
        "requester_pays": "true",
        "retries": 2,
    }
    recorder = Recorder()
    credentials = FixedCredentials(Credentials("i", "s"))
    store = open_store(config_of(url, **flags), recorder, credentials, FakeClock())

    with pytest.raises(ServerFault):
        store.put("key", BytesBody(b"x"), Headers())
    with pytest.raises(ServerFault):
        store.list()

    put, _, _, listing, *_ = recorder.sent
    wanted = {
        "storage-class": "IA",
        "server-side-encryption": sse,
        acl: "private",
        "tagging": "team=a%20b",
        "request-payer": "requester",
    }
    assert wanted == {name: put.headers.get(f"{prefix}{name}") for name in wanted}
    assert "requester" == listing.headers[f"{prefix}request-payer"]
    assert f"{prefix}storage-class" not in listing.headers
    assert 6 == len(recorder.sent)  # each once, and two times again


def test_callback_and_traffic_limit(expect_log):
    """They go with what they are for."""
    expect_log("giving up")
    recorder = Recorder()
    config = config_of(
        endpoint="http://127.0.0.1:1",
        callback='{"callbackUrl": "http://example.com"}',
        traffic_limit=819200,
        retries=0,
    )
    store = open_store(config, recorder, FixedCredentials(Credentials("i", "s")), FakeClock())

    for ask in (lambda: store.put("k", BytesBody(b"x"), Headers()), lambda: store.head("k")):
        with pytest.raises(ServerFault):
            ask()

    put, head = recorder.sent
    assert "819200" == put.headers["x-oss-traffic-limit"]
    assert "x-oss-callback" in put.headers
    assert not {"x-oss-traffic-limit", "x-oss-callback"} & head.headers.keys()
