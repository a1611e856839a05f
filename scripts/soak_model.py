"""
What may be in a directory after a crash, by the log of the one worker that changed it.

The rules, which are those of docs/durability.md:

- A file whose last `close` or `fsync` returned 0 has that content, or that of a later
  `close` or `fsync` that was begun; never anything in between.
- With `durability = "journal"` it may also be what it was after any later change.
- A truncate by name counts as a close, unless somebody has the file open.
- A new file without a byte is brought to the bucket right after its last close, not by it.
- A file that was never closed or synced may be missing; then nothing else is there, but what
  it was renamed over.
- A rename or unlink that returned 0 has happened; one under way has happened or has not.
  Of a rename over a file that is open, the first half may have happened: the target is gone.
- Mode and time that were set on a closed file stay, and those set before a close go with it.

Nothing of the client is used here, and nothing of the load.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Print = tuple[int, int]
"""Size and CRC-64."""

EMPTY: Print = (0, 0)
RSYNC_TEMPORARY = re.compile(r"(?P<folder>(.*/)?)\.(?P<name>[^/]+)\.[A-Za-z0-9]{6}")


class Seen(NamedTuple):
    """A file as it was found."""

    print: Print
    mode: int
    mtime: int
    """Seconds."""


@dataclass
class Choice:
    """One attribute: the values it may have, and the one that was set last."""

    last: int | None
    values: set[int | None]
    """None: any."""
    doubtful: set[int | None] = field(default_factory=set)
    """What it may be again when the file is changed before the next commit."""

    @classmethod
    def of(cls, value: int | None) -> "Choice":
        """Make one that has this value."""
        return cls(value, {value})

    def may_become(self, value: int | None) -> None:
        """Note that a change to this value has begun."""
        self.last = value
        self.values.add(value)

    def done(self) -> None:
        """Note that the last change is done, but it is not a part of the object yet."""
        self.doubtful |= self.values
        self.values = {self.last}

    def overtaken(self) -> None:
        """Note a change of the content: it takes along what is not a part of the object."""
        self.values |= self.doubtful

    def settle(self) -> None:
        """Note that the last change is a part of the object."""
        self.values, self.doubtful = {self.last}, set()

    def allows(self, value: int) -> bool:
        """Say whether it may be this one."""
        return value in self.values or None in self.values


@dataclass
class File:
    """What is known of one file, whatever its name."""

    durable: Print | None
    """As of the last close or fsync that returned 0; None: there was none."""
    latest: Print = EMPTY
    later: set[Print] = field(default_factory=set)
    """What a commit that was begun since may have brought to the bucket."""
    is_dirty: bool = True
    is_loose: bool = False
    """It is committed in the background, at moments that the log does not know."""
    is_copied: bool = False
    """A program writes it, in pieces that the log does not know."""
    is_untouched: bool = False
    """It is new, and nothing was written to it."""
    mode: Choice = field(default_factory=lambda: Choice.of(None))
    mtime: Choice = field(default_factory=lambda: Choice.of(None))
    states: list[Print] = field(default_factory=list)
    """What it was since it was made or emptied; before that nothing of it is new."""
    covered: "File | None" = None
    """What this was renamed over, before it was durable itself."""

    def changed(self, latest: Print) -> None:
        """Its content is changed to this, or is about to be."""
        self.latest = latest
        if self.states or latest == EMPTY or self.durable is None:
            self.states.append(latest)
        self.is_dirty, self.is_untouched = True, False
        self.mode.overtaken()
        self.mtime.may_become(None)
        if self.is_loose:
            self.later.add(latest)

    def may_be_committed(self) -> None:
        """Note that its content may get into the bucket as it is now."""
        self.later.add(self.latest)

    def settled(self, *, is_loose: bool) -> None:
        """Note that its content is promised as it is now."""
        self.durable, self.later, self.states = self.latest, set(), []
        self.is_dirty, self.is_loose, self.is_untouched = False, is_loose, False
        self.covered = None
        self.mode.settle()
        self.mtime.settle()

    def allowed(self) -> set[Print | None]:
        """Return what may be there; None: nothing."""
        found: set[Print | None] = {self.durable, *self.later}
        if self.durable is None and self.covered is not None:
            found |= self.covered.allowed()
        return found

    def problem(self, seen: Seen | None) -> str:
        """Say what is wrong with what was found; empty: nothing."""
        found = None if seen is None else seen.print
        if found not in self.allowed():
            wanted = sorted(map(_words, self.allowed()))
            return f"holds {_words(found)}; may hold {' or '.join(wanted)}"
        if seen is None or (self.covered is not None and self.durable is None):
            return ""
        if not self.mode.allows(seen.mode):
            return f"mode {seen.mode:o}, not {self.mode.values}"
        if not self.mtime.allows(seen.mtime):
            return f"mtime {seen.mtime}, not {self.mtime.values}"
        return ""


def _words(one: Print | None) -> str:
    return "nothing" if one is None else f"{one[0]} bytes of CRC {one[1]:016X}"


Event = Mapping[str, Any]
Names = dict[str, File]


class Replay:
    """
    Goes through the log of a worker; `files` is what was there when it began.

    `is_loose`: everything is committed in the background. `killed_at`: when the mount was
    killed (monotonic, seconds); an error before that is a fault of the mount.
    """

    def __init__(self, files: Mapping[str, Seen], *, is_loose: bool, killed_at: float) -> None:
        self.names: Names = {
            name: File(
                seen.print,
                seen.print,
                is_dirty=False,
                is_loose=is_loose,
                mode=Choice.of(seen.mode),
                mtime=Choice.of(seen.mtime),
            )
            for name, seen in files.items()
        }
        self.faults: list[str] = []
        self.done = 0
        """Operations that returned without an error."""
        self._is_loose = is_loose
        self._killed_at = killed_at
        self._open: dict[int, File] = {}
        self._temporary: set[Print] = set()
        self._unfinished: Event | None = None

    def run(self, events: Iterable[Event]) -> None:
        """Take everything in."""
        begun: Event | None = None
        for event in events:
            if "wrong" in event:
                self.faults.append(f"the mount showed something else: {dict(event)}")
            elif "op" in event:
                begun = event
                getattr(self, f"_begin_{event['op']}", _nothing)(event)
            else:
                assert begun is not None  # noqa: S101  # it has the same number
                if event["errno"] == 0:
                    self.done += 1
                    getattr(self, f"_end_{begun['op']}", _nothing)(begun)
                    begun = None
                elif event["at"] < self._killed_at:
                    self.faults.append(f"failed: {dict(begun)}: {event['said']}")
        self._unfinished = begun

    def worlds(self) -> Iterator[Names]:
        """Yield what may be there: with and without the operation that was under way."""
        yield self.names
        event = self._unfinished
        if event is not None and event["op"] in {"rename", "unlink"}:
            other = copy.deepcopy(self.names)
            getattr(self, f"_end_{event['op']}")(event, names=other)
            yield other
            target = self.names.get(event.get("to", ""))
            if target is not None and self._is_open(target):
                # libfuse has hidden it, as for an unlink, and has not begun to rename.
                yield {name: file for name, file in self.names.items() if file is not target}

    def problems(self, seen: Mapping[str, Seen]) -> list[str]:
        """Say what is there and must not be, or the other way round; empty: all is well."""
        found = [self._problems(names, seen) for names in self.worlds()]
        return min(found, key=len)

    def drafts_of(self, name: str) -> list[Print]:
        """Return what a draft of the file may hold; empty: that is not known."""
        file = self.names.get(name)
        if file is None or file.is_copied:
            return []
        event = self._unfinished
        if event is not None and event["op"] == "write" and self._open[event["fd"]] is file:
            return []  # perhaps the first pages of what was being written
        return file.states[-2:]  # with or without a truncate that was under way

    def _problems(self, names: Names, seen: Mapping[str, Seen]) -> list[str]:
        problems = []
        for name in sorted({*names, *seen}):
            if name in names:
                problem = names[name].problem(seen.get(name))
            elif self._is_temporary(name, seen[name]):
                problem = ""
            else:
                problem = f"holds {_words(seen[name].print)}; must not be there"
            if problem:
                problems.append(f"{name}: {problem}")
        return problems

    def _is_temporary(self, name: str, seen: Seen) -> bool:
        return bool(RSYNC_TEMPORARY.fullmatch(name)) and seen.print in self._temporary

    # Operations, as they begin and as they end

    def _begin_open(self, event: Event) -> None:
        name = event["path"]
        if name not in self.names:
            self.names[name] = File(None, is_loose=self._is_loose, is_untouched=True)
        elif event["trunc"]:
            self.names[name].changed(EMPTY)
        self._open[event["fd"]] = self.names[name]

    def _begin_write(self, event: Event) -> None:
        self._open[event["fd"]].changed(_print(event))

    def _begin_truncate(self, event: Event) -> None:
        if "fd" in event:
            self._open[event["fd"]].changed(_print(event))
            return
        file = self.names[event["path"]]
        file.changed(_print(event))
        file.may_be_committed()

    def _end_truncate(self, event: Event) -> None:
        file = self.names.get(event.get("path", ""))
        if file is not None and not self._is_open(file):
            file.settled(is_loose=self._is_loose)

    def _is_open(self, file: File) -> bool:
        return any(file is one for one in self._open.values())

    def _begin_fsync(self, event: Event) -> None:
        self._open[event["fd"]].may_be_committed()

    def _end_fsync(self, event: Event) -> None:
        self._open[event["fd"]].settled(is_loose=self._is_loose)

    _begin_close = _begin_fsync

    def _end_close(self, event: Event) -> None:
        file = self._open.pop(event["fd"])
        if not file.is_untouched:
            file.settled(is_loose=self._is_loose)

    def _end_unlink(self, event: Event, *, names: Names | None = None) -> None:
        del (self.names if names is None else names)[event["path"]]

    def _begin_rename(self, event: Event) -> None:
        self.names[event["path"]].may_be_committed()

    def _end_rename(self, event: Event, *, names: Names | None = None) -> None:
        names = self.names if names is None else names
        file = names.pop(event["path"])
        if file.durable is None:
            file.covered = names.get(event["to"])
        names[event["to"]] = file

    def _begin_chmod(self, event: Event) -> None:
        self.names[event["path"]].mode.may_become(event["mode"])

    def _end_chmod(self, event: Event) -> None:
        file = self.names[event["path"]]
        if not file.is_dirty:
            file.mode.done()

    def _begin_utime(self, event: Event) -> None:
        self.names[event["path"]].mtime.may_become(event["mtime"])

    def _end_utime(self, event: Event) -> None:
        file = self.names[event["path"]]
        if not file.is_dirty:
            file.mtime.done()

    def _run_program(self) -> None:
        """Note that a child has closed its copies of all descriptors, which commits."""
        for file in self._open.values():
            file.may_be_committed()

    def _begin_cp(self, event: Event) -> None:
        self._run_program()
        file = self.names.setdefault(event["path"], File(None, is_loose=self._is_loose))
        file.is_copied = True
        file.changed(_print(event))
        file.may_be_committed()

    def _end_cp(self, event: Event) -> None:
        self._copied(self.names[event["path"]])

    def _begin_rsync(self, event: Event) -> None:
        self._run_program()
        for name, (size, crc, mode, mtime) in event["files"].items():
            file = self.names.setdefault(name, File(None, is_loose=self._is_loose))
            file.is_copied = True
            if file.latest != (size, crc) or file.durable is None:
                file.changed((size, crc))
                file.may_be_committed()
            file.mode.may_become(mode)
            file.mtime.may_become(mtime)
            self._temporary.add((size, crc))

    def _end_rsync(self, event: Event) -> None:
        for name in event["files"]:
            self._copied(self.names[name])

    def _copied(self, file: File) -> None:
        """Take note that a program has closed a file; one without a byte waits for its release."""
        file.is_copied = False
        if file.latest != EMPTY:
            file.settled(is_loose=self._is_loose)


def _nothing(_: Event) -> None:
    """Do nothing: reading changes nothing."""


def _print(event: Event) -> Print:
    size, crc = event["print"]
    return size, crc


def history(events: Sequence[Event], name: str) -> list[str]:
    """Tell what was done to the file that has this name at the end, a line each."""
    names = {name}
    for event in reversed(events):  # a file is followed back through its renames
        if event.get("op") == "rename" and event["to"] in names:
            names.add(event["path"])
    opened = (event for event in events if event.get("op") == "open")
    fds = {event["fd"] for event in opened if event["path"] in names}
    results = {event["n"]: event for event in events if "errno" in event}
    lines: list[str] = []
    last: Event = {}
    for event in events:
        is_named = names & {event.get("path"), event.get("to"), *event.get("files", ())}
        if "op" in event and (is_named or event.get("fd") in fds):
            if event["op"] == last.get("op") == "write" and event["fd"] == last["fd"]:
                lines.pop()  # of many writes the last one says enough
            told = [f"{key}={_value(event[key])}" for key in _TOLD if key in event]
            lines.append(
                f"{event['n']:5} {event['op']} {' '.join(told)}: {_result(event, results)}"
            )
            last = event
    return lines


def _value(value: object) -> object:
    return f"{value[0]}/{value[1]:016X}" if isinstance(value, list) else value


_TOLD = ("path", "to", "fd", "trunc", "at_offset", "size", "mode", "mtime", "print")


def _result(event: Event, results: Mapping[int, Event]) -> str:
    result = results.get(event["n"])
    if result is None:
        return "under way"
    return "ok" if result["errno"] == 0 else f"{result['said']} (at {result['at']:.3f})"
