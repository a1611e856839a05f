"""Stores that take If-Match on writes: nobody gets between the look and the write."""

import os
from dataclasses import replace

import pytest

from ossfs.errors import EditConflict
from ossfs.store.api import BytesBody, Headers
from ossfs.store.limits import OSS_CAPABILITIES

SMALL, LARGE = b"0123456789", bytes(range(250)) * 19  # one part, five parts
CONDITIONAL = replace(OSS_CAPABILITIES, conditional_put=True, conditional_complete=True)


def meet(core, life, content, write):
    """Edit a file; another client writes right before the request `write`."""
    life.os.write("/f", content)
    fd = life.os.open("/f", os.O_RDWR)
    life.os.pwrite(fd, b"#", 5)
    theirs = iter([b"theirs"])

    def write_theirs(call):
        if call.name == write and (data := next(theirs, None)):
            core.bucket.put("f", BytesBody(data), Headers())

    life.points.on_call = write_theirs
    with pytest.raises(EditConflict):
        life.os.fsync(fd)
    life.os.close(fd)


def test_somebody_writes_right_before_our_put(make_core, expect_log):
    """The store refuses ours; theirs stays, and the edit is saved beside it."""
    expect_log("was changed by somebody else")
    core = make_core(capabilities=CONDITIONAL)
    with core.mounted() as life:
        meet(core, life, SMALL, "put")

    (name,) = set(core.objects()) - {"f"}
    assert name.startswith("f.conflict-")
    assert {"f": b"theirs", name: b"01234#6789"} == core.objects()


def test_somebody_writes_right_before_our_complete(make_core, expect_log):
    """Theirs stays; the edit, of which only the changed parts are here, is kept on the disk."""
    expect_log("was changed by somebody else")
    core = make_core(capabilities=CONDITIONAL)
    with core.mounted() as life:
        meet(core, life, LARGE, "complete_upload")
        assert ["conflict"] == [one.state for one in life.fs.status()]

    assert ({"f": b"theirs"}, []) == (core.objects(), core.uploads())


@pytest.mark.parametrize(
    ("content", "write"),
    [(SMALL, "put"), (LARGE, "complete_upload")],
    ids=["one request", "in parts"],
)
def test_an_answer_is_lost(make_core, content, write):
    """The write was carried out, so its repetition is refused: our own bytes are no conflict."""
    core = make_core(capabilities=CONDITIONAL)
    with core.mounted(retrying=True) as life:
        life.os.write("/f", content)
        lost = iter([True])
        life.points.lose = lambda call: call.name == write and next(lost, False)
        life.os.edit("/f", 5, b"#")

    assert {"f": content[:5] + b"#" + content[6:]} == core.objects()
