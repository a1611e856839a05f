"""A file without a name is closed long after; that is nobody else's last close."""

import os


def test_a_late_close_does_not_bring_back_another_file(core):
    """The deletion it had asked for is over; the number of that is not another one's."""
    core.put("f", b"f")
    core.put("g", b"g")
    life = core.mount()
    late = life.os.open("/f", os.O_RDONLY)
    life.os.unlink("/f")
    life.os.write("/f", b"another")
    life.os.open("/g", os.O_RDONLY)
    life.os.unlink("/g")
    life.os.close(late)
    life.die()

    with core.mounted() as again:
        assert ["f"] == again.os.listdir("/")
    assert {"f": b"another"} == core.objects()
