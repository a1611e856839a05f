"""The options of a mount: how they are written, merged and refused."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.config import GROUPS, OPTIONS, MountConfig, parse_url, resolve, split_o
from ossfs.config.kinds import parse_duration, parse_size, show_duration, show_size
from ossfs.errors import InvalidOption

URL = "oss://photos"


@pytest.fixture
def config_file(tmp_path):
    def write(text):
        path = tmp_path / "ossfs.toml"
        path.write_text(text)
        return path

    return write


def test_every_source_overrides_the_ones_below_it(config_file):
    """A flag wins over -o, -o over the file, the file over the default."""
    file = config_file("[writeback]\npart_size = '11M'\nupload_threads = 3\nreserve = 5\n")

    config = resolve(
        URL,
        flags={"part_size": "13M"},
        o={"part_size": "12M", "upload_threads": "4"},
        file=file,
    ).writeback

    assert (13 << 20, 4, 5, "close") == (
        config.part_size,
        config.upload_threads,
        config.reserve,
        config.durability,
    )


def test_without_any_source_the_defaults_hold():
    """Nothing given: the dataclasses' own defaults."""
    assert MountConfig(url=parse_url(URL)) == resolve(URL)


@pytest.mark.parametrize("named", OPTIONS.values(), ids=lambda named: named.name)
def test_a_shown_default_reads_back_as_the_default(named):
    """What the documentation shows as a default can be written and means the same."""
    if named.default is None:
        assert named.option.default_note
    else:
        assert named.default == named.option.read(named.option.kind.show(named.default))


def test_option_names_are_unique_over_all_groups():
    """-o and flags know no groups, so no name may stand in two of them."""
    assert len(OPTIONS) == sum(len(dataclasses.fields(group)) for group in GROUPS.values())


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("part_size", "8X", "must be a size like"),
        ("part_size", "99K", "must be at least 100K"),
        ("part_size", "6G", "must be at most 5G"),
        ("deadline", "soon", "must be a duration like"),
        ("upload_threads", "0", "must be at least 1"),
        ("upload_threads", "many", "must be a whole number"),
        ("durability", "never", "must be one of close, journal"),
        ("file_mode", "0888", "must be octal permissions"),
        ("read_only", "perhaps", "must be true or false"),
        ("endpoint", "http://host/path", "without a path"),
        ("endpoint", "http://id:secret@host", "without a path"),
        ("region", "", "must not be empty"),
        ("proxy", "http://me:secret@proxy:3128", "must not hold a password"),
        ("proxy", "socks5://proxy:1080", "must be http"),
        ("proxy", "proxy:3128", "must be http"),
        ("storage_class", "IA;x", "must be one word"),
        ("sse", "rot13", "must be one of AES256, KMS"),
        ("tagging", "=x", "must be NAME=VALUE&NAME=VALUE, at most 10"),
        ("tagging", "&".join(f"t{n}=x" for n in range(11)), "at most 10"),
        ("callback", "[1]", "must be a JSON object"),
        ("traffic_limit", "1000", "must be at least 819200"),
    ],
)
def test_a_value_that_cannot_be_used_names_the_option_as_it_was_written(
    name, text, complaint, config_file
):
    """The message names flag, -o word or file key, and what would have been right."""
    flag = "--" + name.replace("_", "-")
    group = OPTIONS[name].group
    file = config_file(f"[{group}]\n{name} = '{text}'\n")

    with pytest.raises(InvalidOption, match=f"^{flag}: .*{complaint}"):
        resolve(URL, flags={name: text})
    with pytest.raises(InvalidOption, match=f"^-o {name}: .*{complaint}"):
        resolve(URL, o={name: text})
    with pytest.raises(InvalidOption, match=rf"ossfs.toml: \[{group}\] {name}: .*{complaint}"):
        resolve(URL, file=file)


def test_toml_values_need_no_quotes_where_toml_has_the_type(config_file):
    """Numbers, booleans and octal numbers are taken as TOML writes them."""
    file = config_file(
        "[posix]\nread_only = true\nfile_mode = 0o640\nuid = 7\n[cache]\nattr_ttl = 2.5\n"
    )

    config = resolve(URL, file=file)

    assert (True, 0o640, 7, 2.5) == (
        config.posix.read_only,
        config.posix.file_mode,
        config.posix.uid,
        config.cache.attr_ttl_s,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("part_size = '8M'", "'part_size' is not one of the tables"),
        ("[disk]\n", "'disk' is not one of the tables"),
        ("[cache]\npart_size = '8M'", r"unknown option 'part_size' in \[cache\]"),
        ("[cache]\nmemory = [1]", "memory must be a plain value"),
        ("[cache", "ossfs.toml: "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(config_file, text, complaint):
    """Unknown tables and names, lists and broken TOML name the file."""
    with pytest.raises(InvalidOption, match=complaint):
        resolve(URL, file=config_file(text))


def test_a_missing_file_is_refused(tmp_path):
    """A file that was asked for must be there."""
    with pytest.raises(InvalidOption, match=r"none.toml: No such file"):
        resolve(URL, file=tmp_path / "none.toml")


def test_o_takes_the_words_of_fstab():
    """Words of mount(8) that ask for nothing are passed over, ro is read_only."""
    assert {"read_only": "", "part_size": "8M"} == split_o(
        "defaults,noauto,_netdev,x-systemd.automount,ro,part-size=8M"
    )


def test_o_keeps_an_escaped_comma():
    r"""`\,` is a comma inside a value."""
    assert {"log_file": "/a,b"} == split_o(r"log_file=/a\,b")


def test_words_that_the_store_reads_keep_its_spelling():
    """A choice may be written in either case; free words stay as they are."""
    objects = resolve(
        URL,
        flags={"sse": "aes256", "acl": "PRIVATE", "storage_class": "ColdArchive"},
        o=split_o("tagging=team=a&empty=&eq=x=y"),
    ).objects

    assert ("AES256", "private", "ColdArchive") == (objects.sse, objects.acl, objects.storage_class)
    assert (("team", "a"), ("empty", ""), ("eq", "x=y")) == objects.tagging


def test_no_option_takes_a_secret():
    """Other users can read a process's arguments: secrets come in other ways."""
    suspicious = [name for name in OPTIONS if re.search("secret|password|token|access_key", name)]

    assert [] == suspicious


@pytest.mark.parametrize("word", ["noexec", "sync", "part_sise=8M", "=3"])
def test_o_refuses_what_it_does_not_know(word):
    """An unknown word is an error, never ignored: somebody relies on it."""
    if word == "=3":
        with pytest.raises(InvalidOption, match="-o =3"):
            split_o(word)
    else:
        with pytest.raises(InvalidOption, match="unknown option"):
            split_o(word)


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "shown"),
    [
        ("oss://photos", "photos", "", "oss://photos"),
        ("oss://photos/", "photos", "", "oss://photos"),
        ("oss://photos/2024/may", "photos", "2024/may/", "oss://photos/2024/may"),
        ("oss://photos/2024/may/", "photos", "2024/may/", "oss://photos/2024/may"),
        ("oss://photos/a b?c#d", "photos", "a b?c#d/", "oss://photos/a b?c#d"),
        ("tos://photos/x", "photos", "x/", "tos://photos/x"),
        ("s3://my.photos.2024/x", "my.photos.2024", "x/", "s3://my.photos.2024/x"),
    ],
)
def test_a_url_is_a_bucket_and_a_folder(text, bucket, prefix, shown):
    """The prefix always ends in a slash; nothing is percent-decoded."""
    url = parse_url(text)

    assert (bucket, prefix, shown) == (url.bucket, url.prefix, str(url))


@pytest.mark.parametrize(
    "text",
    [
        *("photos", "oss:/photos", "gs://photos", "oss://", "oss://Ab", "oss://ab", "oss://-ab-"),
        *("oss://my.photos", "tos://my.photos", "s3://my..photos", "s3://10.0.0.1", "s3://.ab"),
        *("tos://-ab-", "s3://my_photos", f"s3://{'a' * 64}"),
        *("oss://photos/a//b", "oss://photos/../x", "oss://photos//a", "oss://id:secret@photos"),
    ],
)
def test_what_is_no_url_is_refused(text):
    """Other schemes, impossible bucket names and impossible folders are refused."""
    with pytest.raises(InvalidOption):
        parse_url(text)


@given(st.integers(0, 1 << 50))
def test_sizes_read_back(size):
    """A size that was shown is read as the same number of bytes."""
    assert size == parse_size(show_size(size))


@given(st.integers(1, 10**7))
def test_durations_read_back(milliseconds):
    """A duration that was shown is read as the same time."""
    assert milliseconds / 1000 == pytest.approx(parse_duration(show_duration(milliseconds / 1000)))


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("8M", 8 << 20), ("8MiB", 8 << 20), ("1.5g", 3 << 29)]
)
def test_sizes_are_written_as_people_write_them(text, size):
    """Units are powers of 1024 in either spelling."""
    assert size == parse_size(text)
