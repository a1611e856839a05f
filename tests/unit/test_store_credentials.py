"""Where credentials are found, and what is said when there are none."""

import pytest

from ossfs.errors import InvalidOption
from ossfs.store.credentials import Credentials, found_credentials, from_environment, from_file

FULL = {"OSS_ACCESS_KEY_ID": "id", "OSS_ACCESS_KEY_SECRET": "s3cr3t"}


@pytest.fixture
def file(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "passwd"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def test_environment():
    """Key id and secret, with or without a token."""
    assert Credentials("id", "s3cr3t") == from_environment(FULL)
    assert Credentials("id", "s3cr3t", "t") == from_environment({**FULL, "OSS_SESSION_TOKEN": "t"})
    assert from_environment({}) is None
    assert from_environment({**dict.fromkeys(FULL, ""), "OSS_SESSION_TOKEN": "t"}) is None


@pytest.mark.parametrize("missing", FULL)
def test_half_an_environment(missing):
    """One without the other is a mistake that is named."""
    with pytest.raises(InvalidOption, match=f"{missing} is not"):
        from_environment({name: value for name, value in FULL.items() if name != missing})


def test_a_file_of_buckets(file):
    """The bucket's own line counts, then the one without a bucket."""
    path = file("# comment\n\nother:oid:osecret\n id:default \nmine:mid:msecret\n")

    assert Credentials("mid", "msecret") == from_file(path, "mine")
    assert Credentials("oid", "osecret") == from_file(path, "other")
    assert Credentials("id", "default") == from_file(path, "else")
    assert from_file(file("other:a:b\n"), "mine") is None


@pytest.mark.parametrize(
    "text", ["xyz\n", "a:b:c:xyz\n", "xyz:\n", ":xyz\n", "b::xyz\n", ":i:xyz\n"]
)
def test_a_line_that_is_none(file, text):
    """The message names the line, and not its content."""
    path = file(text)

    with pytest.raises(InvalidOption, match="line 1") as caught:
        from_file(path, "b")

    assert "xyz" not in str(caught.value).replace(str(path), "")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o601])
def test_a_file_that_others_can_read(file, mode):
    """It is refused, with the command that helps."""
    path = file("id:secret\n", mode)

    with pytest.raises(InvalidOption, match=f"chmod 600 {path}"):
        from_file(path, "b")


def test_a_file_that_is_not_there(tmp_path):
    """It is named."""
    with pytest.raises(InvalidOption, match="nowhere"):
        from_file(tmp_path / "nowhere", "b")


def test_looking_for_credentials(file):
    """A named file goes before the environment, and must have them."""
    path = file("mine:mid:msecret\n")

    assert "id" == found_credentials("mine", environment=FULL).get().key_id
    assert "mid" == found_credentials("mine", file=path, environment=FULL).get().key_id
    with pytest.raises(InvalidOption, match="no credentials for the bucket other"):
        found_credentials("other", file=path, environment=FULL)
    with pytest.raises(InvalidOption, match="OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET"):
        found_credentials("mine", environment={})
