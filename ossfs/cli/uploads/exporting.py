"""`ossfs uploads export`: write what is here to a file of the user's."""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ossfs.cli.control import ControlError
from ossfs.cli.uploads.choosing import NAME_METAVAR, choose, mount_option
from ossfs.cli.uploads.reaching import Reach, reach
from ossfs.cli.wording import size_text
from ossfs.errors import InvalidOption, OssfsError
from ossfs.extents import Extent
from ossfs.writeback.details import Details
from ossfs.writeback.exporting import Fetch, Incomplete, Written, write_sparse, write_stream

STDOUT = "-"
LONGEST_NAME = 200  # of 255 bytes, so that the temporary one fits, too


class ExportFailed(OssfsError):
    """The target cannot be written, or the file changed meanwhile."""


@click.command("export", short_help="Write the local bytes of one to a file.")
@click.argument("name", metavar=NAME_METAVAR)
@click.argument("target", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option(
    "--partial",
    is_flag=True,
    help="Leave holes where bytes cannot be had, and say where they are.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs; not with FILE -.")
@mount_option
def export_command(
    *, name: str, target: str, force: bool, partial: bool, as_json: bool, where: str | None
) -> None:
    """
    Write the bytes of a draft, a conflict, or a file that failed, to FILE (-: standard output).

    FILE is complete or not there: it gets its name at the end. What is here stays here.

    Of an edit, bytes that nobody wrote are fetched from the version that the edit began
    with, if that is still there. Of an edit that was never closed it is not known which ones
    were written, only which blocks of the disk; such a draft, and what is missing for
    another reason, needs --partial: holes (with -: zeros) stand for what is not known.
    """
    if as_json and target == STDOUT:
        raise InvalidOption("--json and - both want standard output")
    (chosen,) = choose([name], where)
    with reach(chosen.found) as files:
        details = files.details(chosen.id)
        _refuse(details)
        written = _export(files, details, target, force=force, partial=partial)
    _tell(details, target, written, as_json=as_json)


def _refuse(details: Details) -> None:
    status = details.status
    if not status.staging:
        raise InvalidOption(f"{status.key}: only its attributes changed, there are no bytes here")
    if status.is_open:
        raise InvalidOption(f"{status.key} is open and changing; copy it from the mount instead")


def _export(files: Reach, details: Details, target: str, *, force: bool, partial: bool) -> Written:
    def fetch(extent: Extent) -> bytes:
        try:
            return files.fetch(details.status.id, extent)
        except ControlError as error:
            raise ExportFailed(str(error)) from error

    try:
        if target == STDOUT:
            sys.stdout.flush()
            with _staging(details) as staging:
                return write_stream(details, staging, sys.stdout.fileno(), fetch, partial=partial)
        return _to_file(files, details, Path(target), fetch, force=force, partial=partial)
    except Incomplete as error:
        raise Incomplete(
            f"{details.status.key}: {error}\n  --partial leaves holes in their place"
        ) from error
    except OSError as error:
        raise ExportFailed(f"{target}: {error.strerror or error}") from error


def _to_file(
    files: Reach, details: Details, target: Path, fetch: Fetch, *, force: bool, partial: bool
) -> Written:
    if target.is_dir():
        raise InvalidOption(f"{target} is a directory; name a file in it")
    if target.exists() and not force:
        raise InvalidOption(f"{target} is there already; --force replaces it")
    new = target.with_name(f".{target.name[:LONGEST_NAME]}.{uuid.uuid4().hex[:8]}")
    try:
        with _staging(details) as staging, _created(new) as fd:
            written = write_sparse(details, staging, fd, fetch, partial=partial)
            _refuse_changed(files, details)
            os.fsync(fd)
        _name(new, target, force=force)
    finally:
        new.unlink(missing_ok=True)
    return written


@contextmanager
def _staging(details: Details) -> Iterator[int | None]:
    """Open the local bytes; None: there are none any more."""
    try:
        fd = os.open(details.status.staging, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _created(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        yield fd
    finally:
        os.close(fd)


def _refuse_changed(files: Reach, details: Details) -> None:
    """Make sure that nobody wrote to the file while it was read. ExportFailed."""
    old = details.status
    for one in files.status():
        if one["id"] == old.id and (one["generation"] != old.generation or one["is_open"]):
            raise ExportFailed(f"{old.key} was opened meanwhile; copy it from the mount instead")


def _name(new: Path, target: Path, *, force: bool) -> None:
    """Give the complete file its name. ExportFailed: the name was taken meanwhile."""
    if force:
        new.replace(target)
    else:
        try:
            os.link(new, target)  # unlike a rename, it never replaces anything
        except FileExistsError:
            raise ExportFailed(f"{target} is there by now; --force replaces it") from None
        except OSError:  # a file system without links
            new.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _tell(details: Details, target: str, written: Written, *, as_json: bool) -> None:
    holes = [{"start": hole.start, "stop": hole.stop, "why": hole.why} for hole in written.holes]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "id": details.status.id,
                    "key": details.status.key,
                    "file": str(Path(target).absolute()),
                    "size": written.size,
                    "fetched": written.fetched,
                    "missing": holes,
                },
                indent=1,
            )
        )
        return
    fetched = f", {size_text(written.fetched)} of it from the store" if written.fetched else ""
    name = "standard output" if target == STDOUT else target
    click.echo(
        f"{details.status.key}: {size_text(written.size)} written to {name}{fetched}", err=True
    )
    for hole in written.holes:
        click.echo(f"  missing: bytes {hole.start} to {hole.stop} ({hole.why})", err=True)
