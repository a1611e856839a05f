"""
From what was typed to tasks: which file or object goes where.

A folder's files keep their paths below it, and are put below the target; the folder's own
name is not part of that (`cp -r photos oss://b/p` makes `oss://b/p/a.jpg`).

Threads: belongs to the thread that reads the tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ossfs.cli.transfers.ends import Buckets, End, Local, Remote
from ossfs.cli.transfers.finding import Found, files_below, is_file_name, objects_below
from ossfs.cli.transfers.selecting import Selection
from ossfs.cli.transfers.tasks import Copy, Download, Task, Upload
from ossfs.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Planning:
    """`sources` to `target`; `leave_out` is told what is not moved, and why."""

    sources: Sequence[End]
    target: End
    buckets: Buckets
    selection: Selection
    is_recursive: bool
    leave_out: Callable[[str, str], None]
    version_id: str | None = None

    def check(self) -> None:
        """Refuse what can be seen to be wrong before anything is done. InvalidOption."""
        for source in self.sources:
            self._check_apart(source)
            if isinstance(source, Local) and isinstance(self.target, Local):
                raise InvalidOption(f"{source} and {self.target} are both local: use cp")
            if isinstance(source, Local):
                self._check_local(source)
            elif isinstance(source, Remote) and source.is_folder and not self.is_recursive:
                raise InvalidOption(f"{source} is a folder: add -r for all that is below it")
        if isinstance(self.target, Local) and len(self.sources) > 1 and not self._is_into_folder():
            raise InvalidOption(f"{self.target}: several sources need a directory as their target")

    def _check_apart(self, source: End) -> None:
        """Refuse to copy a folder into itself: what is copied would be found and copied again."""
        target = self.target
        if not (isinstance(source, Remote) and isinstance(target, Remote) and self.is_recursive):
            return
        is_inside = target.folder.startswith(source.folder)
        is_same_bucket = (source.scheme, source.bucket) == (target.scheme, target.bucket)
        is_same_bucket = is_same_bucket and not self.buckets.is_through_here
        if is_same_bucket and is_inside and target.folder != source.folder:
            raise InvalidOption(f"{target} is inside of {source}")

    def _check_local(self, source: Local) -> None:
        if not source.path.exists():
            raise InvalidOption(f"{source} is not there")
        if source.path.is_dir() and not self.is_recursive:
            raise InvalidOption(f"{source} is a directory: add -r for all that is below it")

    def tasks(self) -> Iterator[Task]:
        """Yield what is to be done, finding it as it goes. StoreError."""
        for source in self.sources:
            if isinstance(source, Local):
                yield from self._uploads(source)
            elif isinstance(source, Remote):
                yield from self._from_remote(source)

    def _is_into_folder(self) -> bool:
        is_folder = isinstance(self.target, Remote | Local) and self.target.is_folder
        return is_folder or len(self.sources) > 1

    def _uploads(self, source: Local) -> Iterator[Task]:
        if not source.path.is_dir():
            status = source.path.stat()
            found = Found(source.path.name, status.st_size, status.st_mtime_ns)
            yield self._upload(source, found, self._remote_for(source.path.name))
            return
        for found in files_below(source.path, self.selection, self.leave_out):
            below = Local(source.path / found.name)
            yield self._upload(below, found, self._remote_below(found.name))

    def _upload(self, source: Local, found: Found, target: Remote) -> Upload:
        store = self.buckets.of(target)
        return Upload(source.path, target, store, found.size, found.modified_ns)

    def _from_remote(self, source: Remote) -> Iterator[Task]:
        store = self.buckets.source(source)
        if not self.is_recursive:
            info = store.head(source.key, version_id=self.version_id)
            found = Found(source.name, info.size, info.modified_ns, known=info)
            task = self._to(source, found, is_below=False)
            if task is not None:
                yield task
            return
        is_empty = True
        for found in objects_below(store, source.folder, self.selection):
            is_empty = False
            origin = source.at(f"{source.folder}{found.name}")
            task = self._to(origin, found, is_below=True)
            if task is not None:
                yield task
        if is_empty and not self.selection.include:
            self.leave_out(str(source), "there is nothing below it")

    def _to(self, source: Remote, found: Found, *, is_below: bool) -> Task | None:
        store, info = self.buckets.source(source), found.known
        assert info is not None  # noqa: S101  # of objects, it is known
        if isinstance(self.target, Remote):
            target = self._remote_below(found.name) if is_below else self._remote_for(found.name)
            to = self.buckets.of(target)
            wanted = self.buckets.class_in(target)
            return Copy(source, info, target, store, to, wanted, self.buckets.is_through_here)
        assert isinstance(self.target, Local)  # noqa: S101  # pipes have a way of their own
        if is_below and not is_file_name(found.name):
            if found.size or not found.name.endswith("/"):  # else it is a folder's own marker
                self.leave_out(str(source), "no file can have that name")
            return None
        is_inside = is_below or self._is_into_folder()
        path = self.target.path / found.name if is_inside else self.target.path
        return Download(source, info, path, store)

    def _remote_for(self, name: str) -> Remote:
        return self._remote_below(name) if self._is_into_folder() else self._target()

    def _remote_below(self, name: str) -> Remote:
        target = self._target()
        return target.at(f"{target.folder}{name}")

    def _target(self) -> Remote:
        assert isinstance(self.target, Remote)  # noqa: S101  # by `check`
        return self.target
