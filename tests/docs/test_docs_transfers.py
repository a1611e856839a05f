"""What docs/transfers.md says exists."""

import inspect
import re
import warnings
from dataclasses import fields
from pathlib import Path

import alibabacloud_oss_v2 as v2
from alibabacloud_oss_v2.copier import CopierOptions
from alibabacloud_oss_v2.downloader import DownloaderOptions
from alibabacloud_oss_v2.uploader import UploaderOptions

with warnings.catch_warnings():
    # Both carry invalid escape sequences, reported when they are compiled.
    warnings.simplefilter("ignore")
    import oss2
    import tos

import ossfs
from ossfs.errors import OssfsError
from ossfs.transfer import __all__ as names
from ossfs.transfer.plans import CopyPlan, DownloadPlan, UploadPlan

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "transfers.md").read_text()
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_test_of_the_tables_is_there():
    """By its name, or the name of its file."""
    named = re.findall(r"`(test_\w+)(\.py)?`", PAGE)

    assert len(named) > 70
    for name, is_file in named:
        if is_file:
            assert (ROOT / "tests" / "transfer" / f"{name}.py").exists()
        else:
            assert f"def {name}(" in TESTS, name


def test_every_function_is_on_the_page():
    """And what the page calls a function of ossfs is one."""
    for name in names:
        if inspect.isfunction(getattr(ossfs, name)):
            assert f"`{name}" in PAGE, name
    for name in re.findall(r"^\| `(\w+)\(bucket", PAGE, re.MULTILINE):
        assert inspect.isfunction(getattr(ossfs, name))


def test_every_argument_is_on_the_page_or_in_the_help():
    """Of the two functions that the SDKs have as well."""
    for function in (ossfs.resumable_upload, ossfs.resumable_download):
        for name in inspect.signature(function).parameters:
            assert f"`{name}" in PAGE or f"`{name}`" in function.__doc__ or name in {
                "bucket", "key", "filename",
            }, name  # fmt: skip


def _parameters_of_the_sdks():
    """Yield (function or class, parameter) of what the page compares ours with."""
    oss = [oss2.resumable_upload, oss2.resumable_download, oss2.ResumableStore]
    oss += [oss2.ResumableDownloadStore, oss2.determine_part_size]
    new = [v2.Uploader.upload_file, v2.Uploader.upload_from, v2.Downloader.download_file]
    new += [v2.Downloader.download_to, v2.Copier.copy, UploaderOptions, DownloaderOptions]
    new += [CopierOptions, v2.PutObjectRequest, v2.GetObjectRequest, v2.CopyObjectRequest]
    client = tos.TosClientV2
    theirs = [client.upload_file, client.download_file, client.resumable_copy_object]
    for one in (*oss, *new, *theirs):
        for name in inspect.signature(one).parameters:
            if name not in {"self", "kwargs"}:
                yield one.__qualname__, name


def test_no_parameter_of_an_sdk_is_forgotten():
    """Each stands on the page, with what takes its place here."""
    named = set(re.findall(r"`(\w+)`", PAGE))
    found = list(_parameters_of_the_sdks())

    assert len(found) > 180
    assert [] == [one for one in found if one[1] not in named]


def test_defaults_are_those_of_the_page():
    """Sizes and numbers of threads."""
    up = inspect.signature(ossfs.resumable_upload).parameters
    down = inspect.signature(ossfs.resumable_download).parameters

    assert f"`multipart_threshold` {up['multipart_threshold'].default >> 20} MiB |" in PAGE
    assert f"`multiget_threshold` {down['multiget_threshold'].default >> 20} MiB |" in PAGE
    assert f"`part_size` {up['part_size'].default >> 20} MiB, adjusted" in PAGE
    assert f"`num_threads` {up['num_threads'].default} |" in PAGE
    assert f"`block_size` {up['block_size'].default >> 10} KiB |" in PAGE


def test_errors_and_their_worth():
    """The table says of each class what the class says."""
    classes = {one.__name__: one for one in _below(OssfsError)}
    rows = re.findall(r"^\| ((?:`\w+`,? ?)+)(?:and below )?\|[^|]*\| (yes|no|later) \|$", PAGE,
                      re.MULTILINE)  # fmt: skip

    assert 7 <= len(rows)
    for named, worth in rows:
        for name in re.findall(r"`(\w+)`", named):
            assert classes[name].is_worth_rerunning == (worth != "no"), name


def _below(cls):
    yield cls
    for one in cls.__subclasses__():
        yield from _below(one)


def test_every_field_of_a_checkpoint_is_explained():
    """docs/formats.md names the fields of plans."""
    text = (ROOT / "docs" / "formats.md").read_text()
    _, _, about = text.partition("## Checkpoints of transfers")

    for plan in (UploadPlan, DownloadPlan, CopyPlan):
        for one in fields(plan):
            assert f"`{one.name}`" in about, one.name
