"""Which header goes where, and how large parts are."""

import pytest
from oss2 import determine_part_size as of_oss2

import ossfs
from ossfs.errors import InvalidOption
from ossfs.extents import Extent
from ossfs.store.limits import OSS_LIMITS, S3_LIMITS
from ossfs.transfer.headers import ALL, PREFIXES, sorted_headers
from ossfs.transfer.sizes import determine_part_size, download_part_size, spans

MIB = 1 << 20


def methods_of(name, value="v"):
    said = sorted_headers({name: value}).said
    assert all({name.lower(): value} == one.headers for one in said.values())
    return set(said)


def test_who_pays_is_said_with_every_request():
    """A bucket whose owner does not pay refuses any of them without it."""
    assert set(ALL) == methods_of("X-Oss-Request-Payer", "requester")


def test_a_traffic_limit_goes_with_what_moves_bytes():
    """And neither with the beginning nor with the end of an upload."""
    assert {"put", "append", "copy", "get", "upload_part", "copy_part"} == methods_of(
        "x-oss-traffic-limit"
    )


def test_an_acl_of_oss_goes_with_the_end_of_an_upload():
    """The others want it at the beginning."""
    assert {"put", "append", "copy", "complete_upload"} == methods_of("x-oss-object-acl")
    assert {"put", "append", "copy", "create_upload"} == methods_of("x-tos-acl")
    assert {"put", "append", "copy", "create_upload"} == methods_of("x-amz-acl")


def test_encryption_goes_with_the_beginning():
    """A key of the user's own with the parts, too, and with reading."""
    assert {"put", "append", "copy", "create_upload"} == methods_of("x-oss-server-side-encryption")
    own = methods_of("x-tos-server-side-encryption-customer-key")
    assert {"create_upload", "upload_part", "get", "head"} <= own
    assert "complete_upload" not in own


def test_a_callback_goes_with_what_makes_the_object():
    """A put, or the end of an upload."""
    assert {"put", "complete_upload"} == methods_of("x-oss-callback")
    assert {"put", "complete_upload"} == methods_of("x-oss-callback-var")


def test_what_describes_the_object_is_kept_with_it():
    """Type, standard headers, metadata; and what forbids to overwrite is no header of ours."""
    found = sorted_headers(
        {
            "Content-Type": "text/plain",
            "Cache-Control": "no-cache",
            "x-oss-meta-Colour": "red",
            "x-oss-forbid-overwrite": "true",
        }
    )

    assert ("text/plain", {"cache-control": "no-cache"}, {"colour": "red"}) == (
        found.of_object.content_type,
        found.of_object.standard,
        found.of_object.metadata,
    )
    assert ({}, True) == (found.said, found.forbid_overwrite)


def test_the_type_follows_from_the_name():
    """If it is not given, and the name says something."""
    types = [
        sorted_headers(given, key=key).of_object.content_type
        for given, key in (({}, "a.html"), ({}, "a"), ({"content-type": "x/y"}, "a.html"))
    ]

    assert ["text/html", None, "x/y"] == types


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Content-Length", "Content-MD5", "Range", "x-oss-copy-source", "x-oss-date"],
)
def test_what_is_not_the_users_to_say(name):
    """It would break the request, or mean another one."""
    with pytest.raises(InvalidOption, match=name.lower()):
        sorted_headers({name: "v"})


@pytest.mark.parametrize("kind", ["oss", "tos", "s3"])
@pytest.mark.parametrize("prefix", ["x-oss-", "x-tos-", "x-amz-"])
def test_what_another_store_would_heed(kind, prefix):
    """A store leaves it out without a word; metadata is worded for each."""
    with ossfs.connect(
        f"{kind}://bucket", endpoint="http://127.0.0.1:9", region="r", access_key_id="k",
        access_key_secret="s",
    ) as store:  # fmt: skip
        sorted_headers({f"{prefix}meta-a": "b", "Cache-Control": "no-cache"}).applied(store)

        found = sorted_headers({f"{prefix}storage-class": "IA"})
        if PREFIXES[kind] == prefix:
            found.applied(store)
            return
        with pytest.raises(InvalidOption, match=f"{kind}:.*does not heed the header '{prefix}"):
            found.applied(store)


def test_no_headers():
    """Nothing is said."""
    assert {} == sorted_headers(None).said


# Sizes


@pytest.mark.parametrize("preferred", [None, 100 * 1024, MIB, 10 * MIB, 1])
@pytest.mark.parametrize("size", [0, 1, 100 * 1024, 10 * MIB, 10**12, 40 * 10**12])
def test_parts_are_like_those_of_oss2_where_these_are_accepted(size, preferred):
    """The preferred size, doubled until it fits; a small file is one part."""
    ours = determine_part_size(size, preferred)

    assert size <= ours * OSS_LIMITS.max_parts
    assert ours >= min(size, OSS_LIMITS.min_part)
    if preferred != 1 and size:  # oss2 doubles 1 up to 131072, the smallest is 102400
        assert min(of_oss2(size, preferred), 5 << 30) == ours  # theirs may be refused


def test_limits_of_another_store():
    """S3 takes no parts below 5 MiB."""
    assert 5 * MIB == determine_part_size(100 * MIB, MIB, limits=S3_LIMITS)


@pytest.mark.parametrize(("size", "preferred"), [(10**15, None), (-1, None), (5, 0)])
def test_impossible_sizes(size, preferred):
    """Rather than a refusal after some terabytes."""
    with pytest.raises(ValueError, match="bytes"):
        determine_part_size(size, preferred)


def test_spans_cover_exactly_what_is_wanted():
    """From the first byte to the last, none twice."""
    found = list(spans(Extent(5, 27), 10))

    assert [(1, Extent(5, 15)), (2, Extent(15, 25)), (3, Extent(25, 27))] == [
        (one.number, one.extent) for one in found
    ]
    assert [] == list(spans(Extent(3, 3), 10))


def test_downloads_have_not_too_many_parts():
    """The record of a download stays readable."""
    assert 10 * MIB == download_part_size(10**9, 10 * MIB)
    assert 10**13 <= download_part_size(10**13, MIB) * 100_000
