"""Endpoints as users write them, and where buckets then are."""

import pytest

from ossfs.errors import InvalidOption
from ossfs.store.addressing import endpoint_of, is_loopback, parse_endpoint, region_of


@pytest.mark.parametrize(
    ("text", "origin", "prefix", "authority"),
    [
        (
            "oss-cn-hangzhou.aliyuncs.com",
            ("https", "b.oss-cn-hangzhou.aliyuncs.com", 443),
            "/",
            "b.oss-cn-hangzhou.aliyuncs.com",
        ),
        (
            "http://oss-cn-hangzhou-internal.aliyuncs.com/",
            ("http", "b.oss-cn-hangzhou-internal.aliyuncs.com", 80),
            "/",
            "b.oss-cn-hangzhou-internal.aliyuncs.com",
        ),
        ("https://store.example.com:8443", ("https", "b.store.example.com", 8443), "/", None),
        ("http://127.0.0.1:9000", ("http", "127.0.0.1", 9000), "/b/", "127.0.0.1:9000"),
        ("localhost:9000", ("https", "localhost", 9000), "/b/", "localhost:9000"),
        ("http://minio", ("http", "minio", 80), "/b/", "minio"),
        ("http://[::1]:9000", ("http", "::1", 9000), "/b/", "[::1]:9000"),
        ("http://[2001:db8::7]", ("http", "2001:db8::7", 80), "/b/", "[2001:db8::7]"),
        ("  HTTP://Example.COM:80 ", ("http", "b.example.com", 80), "/", "b.example.com"),
    ],
)
def test_endpoints(text, origin, prefix, authority):
    """Https unless http is written; the bucket in the host unless the host cannot carry it."""
    address = parse_endpoint(text).address("b")

    assert (origin, prefix) == (tuple(address.origin), address.prefix)
    assert authority in {None, address.origin.authority}


def test_a_style_can_be_asked_for():
    """Path style and CNAME for any host."""
    path = parse_endpoint("store.example.com", style="path").address("b")
    cname = parse_endpoint("files.example.com", style="cname").address("b")

    assert ("store.example.com", "/b/") == (path.origin.host, path.prefix)
    assert ("files.example.com", "/") == (cname.origin.host, cname.prefix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://example.com",
        "http://",
        "http://exa mple.com",
        "http://example.com:port",
        "http://example.com:99999",
        "http://example.com/path",
        "http://example.com?x=1",
        "http://user:secret@example.com",
        "http://[::1",
        "exam\nple.com",
        "-x.example.com",
    ],
)
def test_what_is_no_endpoint(text):
    """It is refused, and the message repeats it."""
    with pytest.raises(InvalidOption, match="not an endpoint"):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"),
        ("OSS-ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
        ("vpc100-oss-cn-beijing.aliyuncs.com", "cn-beijing"),
        ("bucket.oss-us-west-1.aliyuncs.com", "us-west-1"),
        ("s3.oss-cn-hongkong.aliyuncs.com", "cn-hongkong"),
        ("cn-shanghai.oss.aliyuncs.com", "cn-shanghai"),
        ("oss-accelerate.aliyuncs.com", None),
        ("oss-accelerate-overseas.aliyuncs.com", None),
        ("bucket.oss-accelerate.aliyuncs.com", None),
        ("oss-cn-hangzhou.example.com", None),
        ("tos-cn-beijing.volces.com", "cn-beijing"),
        ("tos-ap-southeast-1.ivolces.com", "ap-southeast-1"),
        ("bucket.tos-s3-cn-beijing.volces.com", "cn-beijing"),
        ("s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("S3.Dualstack.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
        ("s3-fips.us-east-2.amazonaws.com", "us-east-2"),
        ("s3-eu-west-1.amazonaws.com", "eu-west-1"),
        ("bucket.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("s3.amazonaws.com", "us-east-1"),
        ("bucket.s3.amazonaws.com", "us-east-1"),
        ("s3-accelerate.amazonaws.com", None),
        ("bucket.s3-accelerate.amazonaws.com", None),
        ("127.0.0.1", None),
    ],
)
def test_regions(host, region):
    """The services' own host names tell the region; others do not."""
    assert region == region_of(host)


@pytest.mark.parametrize("region", ["cn-hangzhou", "ap-southeast-1"])
def test_an_endpoint_from_its_region(region):
    """And the other way round, also for the one inside of the cloud."""
    assert region == endpoint_of(region).region == endpoint_of(region, internal=True).region
    assert endpoint_of(region) == endpoint_of(f"oss-{region}")


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("b.localhost", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback(host, answer):
    """Which hosts are this machine."""
    assert answer == is_loopback(host)
