"""Programs of users: those of the documentation run as they are, and types are known."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import ossfs

ROOT = Path(ossfs.__file__).parent.parent
CONTENT = os.urandom(1 << 20) * 11

TYPED = """
import io
from collections.abc import Generator
from pathlib import Path

import ossfs
from ossfs.errors import CallbackFailed, OssfsError, TransferError


def told(consumed: int, total: int | None) -> None:
    print(consumed, total)


def stepped(event: ossfs.TransferEvent) -> None:
    part: ossfs.PartEvent | None = event.part
    if event.type is ossfs.TransferEventType.PART_DONE and part is not None:
        print(part.number, part.etag.upper(), event.upload_id, event.checkpoint)


def moved(event: ossfs.DataEvent) -> None:
    print(event.type is ossfs.DataEventType.MOVED, event.moved + event.consumed)


limiter = ossfs.RateLimiter(1 << 20, 1 << 16)
cancel = ossfs.Cancel()
place = ossfs.ResumableStore("/tmp", "kept")
wanted = ossfs.Conditions(if_none_match="etag", if_modified_since_ns=0)
with ossfs.connect("oss://b", region="x", storage_class="IA") as bucket:
    up: ossfs.UploadResult = ossfs.resumable_upload(
        bucket, "k", Path("f"), store=place, headers={"x-oss-meta-a": "b"}, limiter=limiter,
        cancel=cancel, progress_callback=told, on_event=stepped, on_data=moved, verify=False,
    )
    answer: bytes | None = up.callback_answer
    version: str | None = up.version_id
    down: ossfs.DownloadResult = ossfs.resumable_download(
        bucket, "k", "f", byte_range=(0, None), conditions=wanted, version_id=version
    )
    copied: ossfs.UploadResult = ossfs.resumable_copy(
        bucket, "l", "k", source=bucket, storage_class="IA", through_here=True
    )
    kept = ossfs.UploadOptions(part_size=1 << 20, store=place)
    print(ossfs.CopyOptions(num_threads=2).through_here)
    hooks = ossfs.Hooks(progress=told, limiter=limiter, cancel=cancel)
    ossfs.upload_file(bucket, "k", "f", kept, hooks)
    ossfs.download_file(bucket, "k", "f", ossfs.DownloadOptions(use_temp_file=False), hooks)
    ossfs.put_object(bucket, "k", b"bytes")
    ossfs.put_object(bucket, "k", (piece for piece in [b"1", b"2"]))
    ossfs.upload_object(bucket, "k", io.BytesIO(b"x"))
    ossfs.upload_object(bucket, "k", Path("f").open("rb"))
    end: int = ossfs.append_object(bucket, "k", "text", position=0).next_position
    data: bytes = ossfs.get_object(bucket, "k", byte_range=(1, 2))
    pieces: Generator[memoryview, None, ossfs.DownloadResult] = ossfs.iter_object(bucket, "k")
    ossfs.download_to_stream(bucket, "k", io.BytesIO())
    size: int = ossfs.determine_part_size(1 << 40, 1 << 20)
    try:
        cancel.cancel(abort=True)
    except CallbackFailed as error:
        print(error.request_id, error.status, error.bucket)
    except TransferError as failed:
        print(failed.path, failed.key)
    except OssfsError as other:
        print(other.is_worth_rerunning, other.errno)
"""

WRONG = {
    'ossfs.resumable_upload(bucket, "k", "f", no_such=1)': "Unexpected keyword argument",
    'ossfs.resumable_upload(bucket, b"k", "f")': "incompatible type",
    'ossfs.resumable_download(bucket, "k", "f", byte_range=1)': "incompatible type",
    'ossfs.put_object(bucket, "k", 1)': "incompatible type",
    "ossfs.no_such": "has no attribute",
    'number: int = ossfs.get_object(bucket, "k")': "Incompatible types in assignment",
}


def blocks_of(page):
    """Return the programs in a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


PROGRAMS = [
    (page, number, text)
    for page in ("README.md", "docs/transfers.md")
    for number, text in enumerate(blocks_of(page))
]


def test_there_are_programs():
    """In both places."""
    assert {"README.md", "docs/transfers.md"} == {page for page, _, _ in PROGRAMS}


@pytest.mark.parametrize(
    "text", [text for _, _, text in PROGRAMS], ids=[f"{page}-{n}" for page, n, _ in PROGRAMS]
)
def test_programs_of_the_documentation_run(
    emulator, bucket_name, cloud_environment, state_home, seen, tmp_path, monkeypatch, text
):
    """As they are, but for the bucket's name and where it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes(CONTENT)
    monkeypatch.setattr(ossfs, "connect", partial(ossfs.connect, endpoint=emulator.endpoint))

    exec(re.sub(r"oss://(BUCKET|bucket)", f"oss://{bucket_name}", text), {})  # that is the test

    assert CONTENT == seen.get("videos/a.mp4")
    assert [] == list((state_home.parent / "ossfs-transfers").glob("*[!k]"))


def test_types_are_known(tmp_path):
    """Of every name, argument and result, as strictly as a checker can be; mistakes are found."""
    opened = 'import ossfs\nbucket = ossfs.connect("oss://b", region="x")\n'
    (tmp_path / "right.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(opened + "\n".join(WRONG))
    for page, number, text in PROGRAMS:
        (tmp_path / f"{Path(page).stem.lower()}_{number}.py").write_text(text)

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "."],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip

    for line, (source, message) in enumerate(WRONG.items(), 3):
        assert re.search(rf"wrong.py:{line}: error: .*{message}", done.stdout), source
    assert f"Found {len(WRONG)} errors in 1 file" in done.stdout, done.stdout


def test_every_name_is_in_the_typed_program():
    """So that its types are looked at."""
    assert [] == [name for name in ossfs.transfer.__all__ if f"ossfs.{name}" not in TYPED]
