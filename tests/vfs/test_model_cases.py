"""What random calls have found, each as small as it became."""

import os

NEW = os.O_CREAT | os.O_RDWR


def test_a_directory_that_was_listed_before_its_marker_came(core):
    """It stays when its marker comes; a listing from before does not know it."""
    with core.mounted(durability="journal") as life:
        life.fs._files.scheduler.close()  # as if the store had been slow
        life.os.mkdir("/d")
        core.clock.advance(12)
        assert ["d"] == life.os.listdir("/")

        life.os.fsyncdir("/d")

        assert life.os.is_dir("/d")
        assert ["d"] == life.os.listdir("/")
