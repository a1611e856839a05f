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


def test_a_close_between_a_commit_and_the_news_of_it(core, monkeypatch):
    """A file does not vanish for a moment when its last reader closes it just then."""
    with core.mounted(durability="journal") as life:
        files = life.fs._files
        files.scheduler.close()
        assert [] == life.os.listdir("/")
        life.os.write("/f", b"new")
        reader = life.os.open("/f", os.O_RDONLY)
        node = life.fs._tree.nodes.get("f")
        publish = files._published

        def published(node, *, replaces):
            life.os.close(reader)
            assert life.os.exists("/f")
            publish(node, replaces=replaces)

        monkeypatch.setattr(files, "_published", published)
        files.commit(node)

        assert life.os.exists("/f")
        assert life.fs._tree.nodes.get("f") is None
