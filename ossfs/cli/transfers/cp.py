"""`ossfs cp`: files to buckets, objects to files, objects to objects."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import click

from ossfs.cli.output import forget_output
from ossfs.cli.transfers import flags as shared
from ossfs.cli.transfers.comparing import has_same_bytes
from ossfs.cli.transfers.ends import Buckets, End, Pipe, Remote, end_of
from ossfs.cli.transfers.finding import objects_below
from ossfs.cli.transfers.moving import Moving
from ossfs.cli.transfers.planning import Planning
from ossfs.cli.transfers.runlog import RunLog
from ossfs.cli.transfers.running import INTERRUPTED, Outcome, Run
from ossfs.cli.transfers.selecting import Selection
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.tasks import Download, Task
from ossfs.cli.wording import shown, size_text
from ossfs.errors import InvalidOption, TransferCancelled
from ossfs.transfer.stream_download import download_to_stream
from ossfs.transfer.stream_upload import upload_object


@click.command("cp", short_help="Copy files to buckets, objects to files or objects.")
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.argument("target", metavar="TARGET")
@click.option("-r", "--recursive", is_flag=True, help="All files below folders.")
@click.option("--no-clobber", is_flag=True, help="Never replace an object (OSS, TOS, S3).")
@shared.options_of(shared.VERSION, *shared.SELECTING, *shared.MOVING, shared.SOURCE_OPTION)
def copy_command(
    *,
    sources: tuple[str, ...],
    target: str,
    recursive: bool,
    no_clobber: bool,
    version_id: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    quiet: bool,
    source_options: tuple[str, ...],
    **flags: Any,
) -> None:
    """
    Copy SOURCE to TARGET; each is a local path, or oss://BUCKET/KEY (tos://, s3://).

    With -r, all files below SOURCE are put below TARGET. From bucket to bucket the bytes stay
    inside of the store; from one store to another they come through here. A - stands for
    standard input or output. A TARGET that ends in a slash is a folder.

    After Ctrl-C, or whatever else stopped it, the same command goes on where it was: large
    files at the first missing part, and files that were done are not moved again.

    Exit codes: 0 done; 1 some could not be copied, the messages say which and why; 2 the
    command line was wrong; 130 interrupted.
    """
    selection = shared.selection_of(include, exclude, is_recursive=recursive)
    moving = Moving.taken(flags)
    ends = [end_of(word) for word in sources]
    to = end_of(target)
    if version_id is not None and (recursive or not isinstance(ends[0], Remote) or ends[1:]):
        raise InvalidOption("--version-id is about a single object")
    source_flags = shared.source_flags_of(source_options)
    opening = Buckets(flags, connections=moving.connections, source_flags=source_flags)
    with opening as buckets, View(is_quiet=quiet) as view:
        run = moving.run(buckets, view, forbid_overwrite=no_clobber, version_id=version_id)
        run.is_same = has_same_bytes if moving.checksum else None
        if isinstance(to, Pipe) or any(isinstance(end, Pipe) for end in ends):
            sys.exit(_piped(ends, to, buckets, run))
        planning = Planning(
            ends, to, buckets, selection, recursive, run.left_out, version_id=version_id
        )
        planning.check()
        if dry_run:
            sys.exit(would(planning.tasks(), run))
        words = ["cp", *map(_whole, ends), _whole(to), *include, "/", *exclude]
        is_logged = recursive or len(ends) > 1
        with contextlib.ExitStack() as stack:
            if is_logged and moving.resume:
                run.log = stack.enter_context(contextlib.closing(RunLog(run.how.kept, words)))
                run.is_there = Presence(to, buckets).has
            began = time.monotonic()
            outcome = run.run(planning.tasks())
            if run.log is not None and not outcome.exit_code:
                run.log.forget()
    if not quiet:
        tell(outcome, time.monotonic() - began)
    sys.exit(outcome.exit_code)


def _whole(end: End) -> str:
    """Write an end so that it means the same in every directory."""
    return str(end) if isinstance(end, Remote | Pipe) else str(end.path.absolute())


def would(tasks: Iterable[Task], run: Run) -> int:
    """Print what would be done; return the exit code."""
    for task in tasks:
        if run.is_same is None or not run.is_same(task):
            what, source, target = task.words
            click.echo(f"would {what} {shown(source)} to {shown(target)} ({size_text(task.size)})")
    return run.outcome.exit_code


def tell(outcome: Outcome, spent_s: float) -> None:
    """Say on standard error what came of a run, and how to go on."""
    files = "1 file" if outcome.moved == 1 else f"{outcome.moved} files"
    rate = f", {size_text(outcome.size / spent_s)}/s" if outcome.size and spent_s > 0 else ""
    text = f"{files} ({size_text(outcome.size)}) in {spent_s:.1f} s{rate}"
    if outcome.skipped:
        text += f"; {outcome.skipped} were there already"
    if outcome.failed:
        text += f"; {outcome.failed} failed"
    click.echo(text, err=True)
    if outcome.signal:
        click.echo(
            "Interrupted. What was done is kept; the same command, repeated, goes on from here.",
            err=True,
        )
    elif outcome.failed:
        click.echo("The same command, repeated, tries only those again.", err=True)


class Presence:
    """Which targets that an earlier run had made are there."""

    def __init__(self, target: End, buckets: Buckets) -> None:
        self._target = target
        self._buckets = buckets
        self._sizes: dict[str, int] | None = None

    def has(self, task: Task) -> bool:
        """Say whether the target of a task is there, as large as it has to be."""
        if isinstance(task, Download):
            return task.target.is_file() and task.target.stat().st_size == task.size
        if self._sizes is None:
            self._sizes = self._listed()
        return self._sizes.get(task.target.key) == task.size

    def _listed(self) -> dict[str, int]:
        if not isinstance(self._target, Remote):
            return {}
        prefix = self._target.folder
        found = objects_below(self._buckets.of(self._target), prefix, Selection())
        return {prefix + one.name: one.size for one in found}


# Standard input and output


def _piped(sources: Sequence[End], target: End, buckets: Buckets, run: Run) -> int:
    """Copy one end that is a pipe; return the exit code."""
    if len(sources) != 1:
        raise InvalidOption("- is a single source, or the target of a single one")
    (source,) = sources
    if None in (sys.stdin, sys.stdout):
        raise InvalidOption("standard input or output is closed")
    with run.interruptible():
        try:
            if isinstance(source, Pipe) and isinstance(target, Remote) and not target.is_folder:
                _from_input(sys.stdin.buffer, target, buckets, run)
            elif isinstance(source, Remote) and isinstance(target, Pipe):
                to_output(source, buckets, run)
            else:
                raise InvalidOption("one of - and the other is oss://BUCKET/KEY")
        except TransferCancelled:
            click.echo("Interrupted. A pipe cannot be gone on with: nothing is kept.", err=True)
            return INTERRUPTED + run.outcome.signal
        except BrokenPipeError:
            return unread()
    return 0


def _from_input(stream: BinaryIO, target: Remote, buckets: Buckets, run: Run) -> None:
    upload_object(
        buckets.of(target),
        target.key,
        stream,
        headers=run.how.headers,
        part_size=run.how.part_size,
        num_threads=run.how.threads,
        forbid_overwrite=run.how.forbid_overwrite,
        limiter=run.limiter,
        cancel=run.cancel,
    )


def unread() -> int:
    """Return the exit code for when nobody reads standard output any more, and forget it."""
    forget_output()
    return INTERRUPTED + signal.SIGPIPE


def to_output(
    source: Remote, buckets: Buckets, run: Run, byte_range: tuple[int, int | None] | None = None
) -> None:
    """Write an object to standard output. BrokenPipeError: nobody reads it any more."""
    stream = sys.stdout.buffer
    download_to_stream(
        buckets.source(source),
        source.key,
        stream,
        headers=run.how.headers,
        version_id=run.how.version_id,
        byte_range=byte_range,
        num_threads=run.how.threads,
        limiter=run.limiter,
        cancel=run.cancel,
    )
    stream.flush()
