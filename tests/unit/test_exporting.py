"""The bytes of a file that is not in the bucket, written to another place."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossfs.errors import NoSuchKey
from ossfs.extents import Extent, ExtentSet
from ossfs.journal.records import Content, FileId, FileRecord, FileState, Version
from ossfs.store.api import Headers
from ossfs.writeback.details import Details, detailed
from ossfs.writeback.exporting import Incomplete, write_sparse, write_stream

SIZE = 40_000
BASE = bytes(range(1, 251)) * (SIZE // 250)


def record_of(content, *, base=True, state=FileState.PROMISED):
    version = Version("f", "E", len(BASE)) if base else None
    return FileRecord(
        id=FileId(7),
        key="f",
        base=version,
        staging="staged",
        created_ns=0,
        state=state,
        generation=1,
        content=content,
        headers=Headers(),
    )


def staged(folder, extents, size=SIZE, byte=b"#"):
    with (folder / "staged").open("wb") as file:
        file.truncate(size)
        for extent in extents:
            file.seek(extent.start)
            file.write(byte * extent.size)


def from_base(extent):
    return BASE[extent.start : extent.stop]


def gone(extent):
    raise NoSuchKey("gone")


def exported(folder, details, fetch, *, partial=False):
    """Export both ways; return what a file and what a pipe got."""
    source = os.open(folder / "staged", os.O_RDONLY)
    try:
        with (folder / "file").open("wb") as file, (folder / "pipe").open("wb") as pipe:
            one = write_sparse(details, source, file.fileno(), fetch, partial=partial)
            other = write_stream(details, source, pipe.fileno(), fetch, partial=partial)
    finally:
        os.close(source)
    assert one == other
    assert (folder / "file").read_bytes() == (folder / "pipe").read_bytes()
    return one, (folder / "file").read_bytes()


spans = st.lists(
    st.tuples(st.integers(0, SIZE), st.integers(0, 9000)).map(
        lambda span: Extent(span[0], min(SIZE, span[0] + span[1]))
    ),
    max_size=6,
)


@given(written=spans, limit=st.integers(0, SIZE), is_there=st.booleans())
def test_each_byte_comes_from_where_it_is(tmp_path_factory, written, limit, is_there):
    """Local ones from here, the base's from the base or left out, the others are zeros."""
    folder = tmp_path_factory.mktemp("export")
    present = ExtentSet(written)
    staged(folder, present)
    content = Content(SIZE, list(present), list(present), limit)
    details = detailed(record_of(content), folder)
    expected = bytearray(BASE[:limit] if is_there else limit).ljust(SIZE, b"\0")
    for extent in present:
        expected[extent.start : extent.stop] = b"#" * extent.size

    result, data = exported(folder, details, from_base if is_there else gone, partial=True)

    assert bytes(expected) == data
    missing = list(present.gaps(Extent(0, limit)))
    assert missing == [gap.extent for gap in details.gaps]
    assert ([] if is_there else missing) == [hole.extent for hole in result.holes]
    assert (sum(gap.size for gap in missing) if is_there else 0) == result.fetched


def test_what_cannot_be_had_is_refused(tmp_path):
    """Unless holes are agreed to; the message says which bytes, and why."""
    staged(tmp_path, [Extent(0, 100)])
    content = Content(SIZE, [Extent(0, 100)], [Extent(0, 100)], SIZE)
    details = detailed(record_of(content), tmp_path)

    with pytest.raises(Incomplete, match=r"bytes 100 to 40000 cannot be had: .*gone"):
        exported(tmp_path, details, gone)


def test_a_cut_staging_file_is_missing_its_end(tmp_path):
    """What was promised and is not there any more is lost, not zeros."""
    staged(tmp_path, [Extent(0, 500)], size=500)
    content = Content(SIZE, [Extent(0, SIZE)], [Extent(0, SIZE)], 0)
    details = detailed(record_of(content, base=False), tmp_path)
    assert ("lost", [(500, SIZE, "lost")]) == (
        details.status.state,
        [(gap.start, gap.stop, gap.why) for gap in details.gaps],
    )

    with pytest.raises(Incomplete, match="the staging file ends before"):
        exported(tmp_path, details, from_base)
    result, data = exported(tmp_path, details, from_base, partial=True)
    assert b"#" * 500 + bytes(SIZE - 500) == data
    assert 1 == len(result.holes)


def test_a_draft_of_a_new_file_is_all_of_its_staging_file(tmp_path):
    """Holes and all: nothing else can be missing."""
    staged(tmp_path, [Extent(8192, 9000)])
    details = detailed(record_of(None, base=False, state=FileState.DRAFT), tmp_path)

    _, data = exported(tmp_path, details, gone)

    assert bytes(8192) + b"#" * 808 + bytes(SIZE - 9000) == data


def test_a_hole_stays_a_hole(tmp_path):
    """A sparse file does not grow on its way."""
    size = 64 << 20
    staged(tmp_path, [Extent(32 << 20, (32 << 20) + 4096)], size=size)
    details = detailed(record_of(None, base=False, state=FileState.DRAFT), tmp_path)
    with (tmp_path / "staged").open("rb") as source, (tmp_path / "out").open("wb") as target:
        write_sparse(details, source.fileno(), target.fileno(), gone, partial=False)

    facts = (tmp_path / "out").stat()
    assert size == facts.st_size
    assert facts.st_blocks * 512 <= 65536


def test_details_travel_as_json(tmp_path):
    """What a mount process says is what a command reads."""
    staged(tmp_path, [Extent(0, 100)])
    content = Content(SIZE, [Extent(0, 100)], [Extent(0, 100)], SIZE)
    details = detailed(record_of(content), tmp_path)

    assert details == Details.from_json(details.to_json())
    assert ("7", "waiting", SIZE) == (details.status.id, details.status.state, details.status.size)
