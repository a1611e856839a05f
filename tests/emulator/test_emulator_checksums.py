"""The checksums of S3: known answers, and wholes computed from their parts."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.emulator import checksums
from ossfs.emulator.refusals import Refused

CRCS = [name for name in checksums.ALGORITHMS if checksums.can_span(name)]


def checksum(name, data):
    running = checksums.running(name)
    running.update(data)
    return checksums.encoded(running.digest())


@pytest.mark.parametrize(
    ("name", "check"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
def test_the_check_values_of_the_catalogue(name, check):
    """Every CRC is catalogued with its value of these nine digits."""
    assert bytes.fromhex(check) == base64.b64decode(checksum(name, b"123456789"))


@pytest.mark.parametrize("name", CRCS)
@given(parts=st.lists(st.binary(max_size=50), min_size=1, max_size=4))
def test_a_crc_of_the_whole_follows_from_the_parts(name, parts):
    """Also with empty parts."""
    each = [(checksum(name, part), len(part)) for part in parts]

    assert checksum(name, b"".join(parts)) == checksums.of_whole(name, each)


def test_a_composite_is_the_checksum_of_checksums():
    """With the number of parts behind it."""
    each = [(checksum("sha256", part), len(part)) for part in (b"a", b"b")]
    joined = hashlib.sha256(hashlib.sha256(b"a").digest() + hashlib.sha256(b"b").digest())

    assert f"{checksums.encoded(joined.digest())}-2" == checksums.of_parts("sha256", each)


@pytest.mark.parametrize("text", ["", "AAAA", "no base64", "AAAAAAA="])
def test_what_cannot_be_a_checksum_is_refused(text):
    """Its size is known."""
    with pytest.raises(Refused, match="InvalidRequest"):
        checksums.decoded("crc32", text)
