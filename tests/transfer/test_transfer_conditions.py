"""An object is moved only if it is the one that is wanted, by version or by time."""

import io

import pytest
from watched_bucket import CONTENT

from ossfs.errors import NotModified, PreconditionFailed
from ossfs.store.api import ObjectInfo
from ossfs.transfer.describing import Conditions
from ossfs.transfer.resumable import resumable_copy, resumable_download
from ossfs.transfer.stream_download import download_to_stream, iter_object

S = 1_000_000_000
INFO = ObjectInfo("k", 10, "etag", 1_000 * S)


@pytest.mark.parametrize(
    ("if_match", "given", "expected"),
    [
        (None, {}, None),
        ("etag", {}, None),
        ('"etag"', {}, None),
        ("*", {}, None),
        ("other", {}, PreconditionFailed),
        (None, {"if_none_match": "etag"}, NotModified),
        (None, {"if_none_match": '"etag"'}, NotModified),
        (None, {"if_none_match": "*"}, NotModified),
        (None, {"if_none_match": "other"}, None),
        (None, {"if_modified_since_ns": 1_000 * S}, NotModified),
        (None, {"if_modified_since_ns": 1_000 * S + 999}, NotModified),
        (None, {"if_modified_since_ns": 999 * S + 999}, None),
        (None, {"if_unmodified_since_ns": 1_000 * S}, None),
        (None, {"if_unmodified_since_ns": 999 * S}, PreconditionFailed),
        # One by version takes the place of one by time.
        (None, {"if_none_match": "other", "if_modified_since_ns": 1_000 * S}, None),
        ("etag", {"if_unmodified_since_ns": 999 * S}, None),
        ("etag", {"if_none_match": "etag"}, NotModified),
    ],
)
def test_what_is_wanted(if_match, given, expected):
    """As RFC 9110 has it, in whole seconds."""
    error = Conditions(**given).refusal(INFO, if_match)

    assert expected is (None if error is None else type(error))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda info: Conditions(if_none_match=info.etag), NotModified),
        (lambda info: Conditions(if_modified_since_ns=info.modified_ns), NotModified),
        (lambda info: Conditions(if_unmodified_since_ns=info.modified_ns - S), PreconditionFailed),
    ],
)
def test_what_is_not_wanted_is_not_moved(bucket, points, tmp_path, kept, given, expected):
    """One request tells, nothing is made, and the error says what was asked of which object."""
    bucket.put_plain("k", CONTENT)
    conditions = given(bucket.head("k"))
    wanted = {"conditions": conditions}
    for move in (
        lambda: resumable_download(bucket, "k", tmp_path / "f", store=kept, **wanted),
        lambda: resumable_copy(bucket, "other", "k", store=kept, **wanted),
        lambda: download_to_stream(bucket, "k", io.BytesIO(), **wanted),
        lambda: next(iter_object(bucket, "k", **wanted)),
    ):
        points.revive()
        with pytest.raises(expected) as caught:
            move()
        assert ["before head", "after head"] == points.passed
        assert ("k", bucket.name) == (caught.value.key, caught.value.bucket)
    assert not (tmp_path / "f").exists()


def test_what_is_wanted_is_moved(bucket, tmp_path, kept):
    """A newer version than the one that somebody has."""
    bucket.put_plain("k", b"old")
    had = bucket.head("k").etag
    bucket.put_plain("k", CONTENT)
    wanted = {"conditions": Conditions(if_none_match=had)}

    resumable_download(bucket, "k", tmp_path / "f", store=kept, **wanted)
    resumable_copy(bucket, "other", "k", store=kept, **wanted)

    assert CONTENT == (tmp_path / "f").read_bytes() == bucket.bytes_of("other")
