"""Where copied parts have no CRC, a version that is still the old one is not taken for ours."""

from dataclasses import replace

import pytest

from ossfs.store.limits import OSS_CAPABILITIES

LARGE = bytes(range(250)) * 19  # five parts


def test_an_upload_that_was_aborted_while_we_were_away(make_core, expect_log):
    """The edit had come to its Complete; a rule of the bucket then removed old uploads."""
    expect_log("not known to the store any more")
    core = make_core(capabilities=replace(OSS_CAPABILITIES, part_crc64=False))
    with core.mounted() as life:
        life.os.write("/f", LARGE)
    life = core.mount()
    life.points.kill_on = "before request complete_upload"
    with pytest.raises(core.Killed):
        life.os.edit("/f", 2500, b"#")
    life.die()
    for upload in core.uploads():
        core.bucket.abort_upload("f", upload.upload_id)
    with core.mounted(is_running=True) as life:
        assert life.mount.drain(20)

    assert {"f": LARGE[:2500] + b"#" + LARGE[2501:]} == core.objects()
