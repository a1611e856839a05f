"""The storage class of an object is kept through everything we do to it, at no request more."""

import os
import random
import re
import time
from dataclasses import replace

import pytest

from ossfs.clock import FakeClock
from ossfs.config import ObjectsConfig
from ossfs.store.addressing import parse_endpoint
from ossfs.store.api import BytesBody, Headers
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials, FixedCredentials
from ossfs.store.dialects.oss import oss_dialect
from ossfs.store.dialects.s3 import s3_dialect
from ossfs.store.dialects.tos import tos_dialect
from ossfs.store.limits import OSS_LIMITS
from ossfs.store.transport import HttpTransport
from ossfs.store.write_headers import WriteHeaders

MIB = 1 << 20
LARGE = bytes(range(250)) * 900  # several parts
FILES = {"d/page.html": b"<html>", "d/large.bin": LARGE}


@pytest.fixture
def rare(core):
    """Two objects that are seldom read, one of them of several parts."""
    for key, content in FILES.items():
        core.bucket.put(key, BytesBody(content), Headers("text/x-mine", {"x": "y"}, {}, "IA"))
    return core


@pytest.fixture
def small_copies(make_core):
    """Let only 100,000 bytes be copied by one request, as real stores do with a GiB or five."""
    core = make_core(limits=replace(OSS_LIMITS, min_part=100, max_copy=100_000))
    core.bucket.put("large.bin", BytesBody(LARGE), Headers(storage_class="IA"))
    return core


def class_of(core, key):
    return core.bucket.head(key).storage_class


def synced(life, path):
    fd = life.os.open(path, os.O_RDONLY)
    life.os.fsync(fd)
    life.os.close(fd)


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize(
    "change",
    [
        lambda files, path: files.os.chmod(path, 0o600),
        lambda files, path: files.os.chown(path, 5, 6),
        lambda files, path: files.os.utime(path, ns=(1, 2)),
        lambda files, path: files.fs.setxattr(path, "user.a", b"b"),
    ],
)
def test_attributes(rare, life, key, change):
    """A copy of the object onto itself, and the HEAD before it, are all it costs."""
    life.os.listdir("/d")
    life.requests()

    change(life, f"/{key}")
    synced(life, f"/{key}")

    assert ["head", "copy"] == life.requests()
    assert "IA" == class_of(rare, key)


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("change", ["edit", "append", "write"])
def test_content(rare, life, key, change):
    """Edits, whatever they are sent as, and content that replaces all there was."""
    if change == "append":
        life.os.append(f"/{key}", b"more")
    elif change == "edit":
        life.os.edit(f"/{key}", 1, b"EDIT")
    else:
        life.os.write(f"/{key}", LARGE[::-1])

    assert "IA" == class_of(rare, key)


@pytest.mark.parametrize("key", FILES)
def test_a_rename_of_what_was_only_listed(rare, life, key):
    """The listing says the class: a copy and a deletion are all it costs, twice in a row too."""
    life.os.listdir("/d")
    life.requests()

    life.os.rename(f"/{key}", "/d/other")
    life.os.rename("/d/other", "/d/another")

    assert ["copy", "delete"] * 2 == life.requests()
    assert "IA" == class_of(rare, "d/another")


def test_a_rename_of_what_is_known(rare, life):
    """With a mode that was changed just before."""
    life.os.chmod("/d/page.html", 0o600)

    life.os.rename("/d/page.html", "/d/other")

    assert "IA" == class_of(rare, "d/other")
    assert "33152" == rare.bucket.head("d/other").metadata["mode"]


def test_a_rename_of_a_directory(rare, life):
    """Each object has its own class; an archive's is not kept, nor one that is unknown."""
    classes = {"a": "IA", "b": "Standard", "c": "Archive", "e": "WARM-TIER"}
    for name, storage_class in classes.items():
        rare.bucket.put(f"d/{name}", BytesBody(b"x"), Headers(storage_class=storage_class))

    life.os.rename("/d", "/other")

    kept = {name: class_of(rare, f"other/{name}") for name in (*classes, "page.html", "large.bin")}
    standard = dict.fromkeys("bce", "Standard")
    assert {"a": "IA", **standard, "page.html": "IA", "large.bin": "IA"} == kept


def test_copies_in_parts(small_copies):
    """What is too large for one request: a change of mode, a rename, one with its directory."""
    with small_copies.mounted() as life:
        life.os.chmod("/large.bin", 0o600)
        synced(life, "/large.bin")
        assert "IA" == class_of(small_copies, "large.bin")
        life.os.mkdir("/d")
        life.os.rename("/large.bin", "/d/large.bin")
        assert "IA" == class_of(small_copies, "d/large.bin")

        life.os.rename("/d", "/e")

    assert "IA" == class_of(small_copies, "e/large.bin")
    assert LARGE == bytes(small_copies.bucket.get("e/large.bin").data)


def test_a_lifecycle_rule(rare, life):
    """It changes neither etag nor time: what is known of the object is as old as the listing."""
    life.os.chmod("/d/page.html", 0o600)
    synced(life, "/d/page.html")
    info = rare.bucket.head("d/page.html")
    moved = replace(info.headers, storage_class="Standard")
    rare.bucket.put(info.key, BytesBody(b"<html>"), moved)
    assert info == replace(rare.bucket.head(info.key), storage_class="IA")
    rare.clock.advance(100)
    life.os.listdir("/d")

    life.os.chmod("/d/page.html", 0o640)
    synced(life, "/d/page.html")

    assert "Standard" == class_of(rare, "d/page.html")


@pytest.mark.parametrize(
    ("moment", "change"),
    [
        ("before request put", lambda files: files.edit("/d/page.html", 0, b"EDIT")),
        ("before request copy", lambda files: files.rename("/d/page.html", "/d/other")),
        ("before request copy", lambda files: files.rename("/d", "/other")),
    ],
)
def test_a_crash(rare, moment, change):
    """The journal has the class: the next mount keeps it."""
    life = rare.mount()
    life.points.kill_on = moment
    with pytest.raises(rare.Killed):
        change(life.os)
    life.die()

    with rare.mounted(is_running=True) as again:
        assert again.mount.drain(20)

    assert {"IA"} == {one.storage_class for one in rare.bucket.list().objects if one.size}


def test_a_remount(rare):
    """What is known from the disk includes the class: a change of mode is one request."""
    with rare.mounted() as life:
        life.os.chmod("/d/page.html", 0o600)
    life = rare.mount()
    life.os.listdir("/d")
    life.requests()

    life.os.chmod("/d/page.html", 0o640)
    synced(life, "/d/page.html")

    assert ["copy"] == life.requests()
    assert "IA" == class_of(rare, "d/page.html")


# Over the wire: (class that is kept, class of the option, archive, the bucket's own)

DIALECTS = {
    "oss": (oss_dialect, "IA", "Standard", "Archive", "Standard"),
    "s3": (s3_dialect, "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER", ""),
    "tos": (tos_dialect, "IA", "ARCHIVE_FR", "ARCHIVE", "STANDARD"),
}
BIG = random.Random(1).randbytes(12 * MIB)


class Wired:
    """A bucket of the emulator; its dialect copies at most 8 MiB with one request."""

    def __init__(self, core, emulator, name, kind):
        make, self.kept, self.other, self.archive, self.default = DIALECTS[kind]
        dialect = make(region="cn-hangzhou")
        self._dialect = replace(dialect, limits=replace(dialect.limits, max_copy=8 * MIB))
        self.transport = HttpTransport()
        self._emulator, self._name = emulator, name
        self.core = core
        core.clock = FakeClock(time.time_ns())
        core.bucket = self.bucket()

    def bucket(self, **options):
        return Bucket(
            transport=self.transport,
            dialect=self._dialect,
            credentials=FixedCredentials(Credentials(self._emulator.key_id, self._emulator.secret)),
            endpoint=parse_endpoint(self._emulator.endpoint),
            name=self._name,
            write_headers=WriteHeaders(**options),
        )

    def put(self, key, content, storage_class=None):
        headers = Headers(storage_class=storage_class or self.kept)
        self.core.bucket.put(key, BytesBody(content), headers)

    def classes(self):
        """Return the class of each file, as HEAD says it; S3 says nothing of the usual one."""
        keys = [item.key for item in self.core.bucket.list().objects]
        return {key: class_of(self.core, key) for key in keys if not key.endswith("/")}


@pytest.fixture(params=DIALECTS)
def wired(request, make_core, emulator, bucket_name):
    made = Wired(make_core(), emulator, bucket_name, request.param)
    yield made
    made.core.close()
    made.transport.close()


def changed_in_all_ways(wired, life):
    """Change modes, names and bytes of small and of large files."""
    for key in ("mode", "name", "edit", "d/below", "big-mode", "big-name", "big-edit"):
        wired.put(key, BIG if key.startswith("big") else b"content")
    life.os.listdir("/")
    for prefix in ("", "big-"):
        life.os.chmod(f"/{prefix}mode", 0o600)
        synced(life, f"/{prefix}mode")
        life.os.rename(f"/{prefix}name", f"/{prefix}renamed")
        life.os.edit(f"/{prefix}edit", 1, b"EDIT")
    life.os.rename("/d", "/other")


def test_every_dialect_keeps_it(wired):
    """By its own header, with PUT, copies, and uploads in parts of which most are copied."""
    with wired.core.mounted(part_size=5 * MIB) as life:
        changed_in_all_ways(wired, life)
        requests = life.requests()
        life.os.write("/new", b"new")

    assert {"put", "copy", "create_upload", "copy_part"} <= set(requests)
    classes = wired.classes()
    assert wired.default == classes.pop("new")
    assert {wired.kept} == set(classes.values())
    assert BIG == bytes(wired.core.bucket.get("big-renamed").data)


def test_the_option_is_for_new_content(wired):
    """What is written gets it; what is only copied keeps its own class."""
    wired.core.bucket = wired.bucket(storage_class=wired.other)
    plain = wired.core.config
    wired.core.config = lambda **options: replace(
        plain(**options), objects=ObjectsConfig(storage_class=wired.other)
    )

    with wired.core.mounted(part_size=5 * MIB) as life:
        changed_in_all_ways(wired, life)
        life.os.chmod("/edit", 0o600)
        synced(life, "/edit")
        life.os.write("/new", b"new")

    classes = wired.classes()
    written = {"edit", "big-edit", "new"}
    assert dict.fromkeys(classes, wired.kept) | dict.fromkeys(written, wired.other) == classes


def test_a_restored_archive(wired):
    """Its copy could not be read: what is made of it is as new objects are."""
    for key in ("mode", "name", "edit", "d/below"):
        wired.put(key, b"content", wired.archive)
        wired.core.bucket.restore(key, 1)
        assert re.search("ongoing-request", wired.core.bucket.head(key).restore)

    with wired.core.mounted(part_size=5 * MIB) as life:
        life.os.chmod("/mode", 0o600)
        synced(life, "/mode")
        life.os.rename("/name", "/renamed")
        life.os.edit("/edit", 1, b"EDIT")
        life.os.rename("/d", "/other")

    classes = wired.classes()
    assert dict.fromkeys(("mode", "renamed", "edit", "other/below"), wired.default) == classes
    assert b"content" == bytes(wired.core.bucket.get("mode").data)
    assert b"content" == bytes(wired.core.bucket.get("renamed").data)
