"""The network or the server flips bits in what it sends; no wrong byte reaches a reader."""

import errno
import random

import pytest

pytestmark = pytest.mark.mounted

KIB = 1024
FILES = 300
SHARE = 0.05  # of the bodies; three in a row are too many for one reader in 8,000


@pytest.fixture
def bits_flip(emulator):
    """Damage a byte anywhere in some of the bodies of GET; say how many were."""
    emulator.add_fault("corrupt", operation="GetObject", probability=SHARE, anywhere=True)
    return lambda: sum(rule["hits"] for rule in emulator.faults())


def test_files_of_one_request_are_always_right(mounting, seen, bits_flip):
    """They are compared with the object's CRC-64, and asked for once more."""
    draw = random.Random(3)
    contents = {f"d/{n}": draw.randbytes(draw.randrange(1, 60 * KIB)) for n in range(FILES)}
    contents["d/large"] = draw.randbytes(2_000 * KIB)
    for key, content in contents.items():
        seen.put(key, content)
    mount = mounting().mount()

    for key, content in contents.items():
        assert content == (mount.path / key).read_bytes(), key

    assert bits_flip() > 0


def test_a_symlink_leads_where_it_did(mounting, emulator, monkeypatch):
    """Its few bytes are compared as those of a file, also where parts of objects have no sum."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", emulator.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", emulator.secret)
    made = mounting()
    made.scheme = "s3"
    link = made.mount("--region", "us-east-1").path / "link"
    link.symlink_to("../b")
    emulator.add_fault("corrupt", operation="GetObject", bytes=3, count=1)

    assert "../b" == str(link.readlink())
    assert 1 == sum(rule["hits"] for rule in emulator.faults())


def test_a_large_file_that_is_read_to_its_end_is_right_or_refused(
    mounting, seen, bits_flip, emulator, tmp_path
):
    """The last bytes are held back until all add up to the object's CRC-64; EIO, if they do not."""
    draw = random.Random(5)
    contents = {f"{n}": draw.randbytes(draw.randrange(3, 14) << 20) for n in range(20)}
    for key, content in contents.items():
        seen.put(key, content)
    mount = mounting().mount("--memory", "64M", "--cache-dir", tmp_path / "cache")

    refused = set()
    for key, content in contents.items():
        try:
            data = (mount.path / key).read_bytes()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            refused.add(key)
        else:
            assert content == data, key

    assert bits_flip() > len(refused)
    assert all(f" {key}: CRC-64 of what was read" in mount.log() for key in refused)
    emulator.clear_faults()
    for key, content in contents.items():
        assert content == (mount.path / key).read_bytes(), key
