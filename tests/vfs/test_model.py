"""
Random operations, crashes and other clients, against a model that fits on a page.

The model has two trees: what the mount shows (`live`), and what the bucket will show when
the process dies now and is started again (`bucket`). Each operation says in which steps it
changes the second; a process that dies inside of it leaves one of these steps behind.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

NAMES = ("a", "b")
PATHS = [*NAMES, *(f"{d}/{n}" for d in NAMES for n in NAMES)]
offsets = st.sampled_from([0, 1, 500, 999, 1000, 1001, 2500])
sizes = st.sampled_from([1, 300, 1000, 1100, 2600])
numbers = st.integers(0, 11)
DIRECTORY = None


class File:
    """The model of a file; `path` is None when it has no name any more."""

    def __init__(self, path, data=b"", *, has_object):
        self.path, self.data, self.has_object = path, data, has_object
        self.is_dirty = self.is_new = not has_object
        self.hidden_at = None
        self.is_readable = True
        self.handles = 0


class Bucket(RuleBasedStateMachine):
    make_core = None

    def __init__(self):
        super().__init__()
        self.core = self.make_core()
        self.live, self.bucket, self.handles = {}, {}, []
        self.hidden = {}
        self.kill_after = None
        self.written = 0
        self.mount()
        self.mkdir(0)

    def mount(self):
        self.life = self.core.mount()
        self.sh = self.life.os
        assert self.life.mount.drain(None)

    def teardown(self):
        self.life.die()

    # How an operation runs

    def run(self, act, *steps):
        """Do it, or die while doing it; `steps` are the states of the bucket on the way."""
        states = [self.bucket, *steps]
        if self.kill_after is not None:
            self.life.points.kill_at = len(self.life.points.passed) + self.kill_after
            self.kill_after = None
        try:
            act()
        except self.core.Killed:
            self.begin_anew(states + [state | self.hidden for state in states])
            return False
        self.life.points.kill_at = None
        self.bucket = states[-1]
        return True

    def begin_anew(self, allowed):
        """Look what is there after a crash, and go on from that."""
        self.life.die()
        self.mount()
        found = self.core.objects()
        assert found in allowed
        self.bucket, self.handles, self.hidden = found, [], {}
        self.live = {
            key.rstrip("/"): DIRECTORY if key.endswith("/") else File(key, data, has_object=True)
            for key, data in found.items()
        }
        assert [] == self.core.stray_uploads(self.life.journal.load())

    def committed(self, file):
        """Return the bucket with the file as it is now."""
        file.is_dirty, file.has_object = False, True
        self.blind(file.path)
        return self.bucket | {file.path: file.data}

    def blind(self, prefix):
        """Files without a name are not readable when their objects are gone."""
        for file, _, _ in self.handles:
            if file.hidden_at is not None and file.hidden_at.startswith(prefix):
                file.is_readable = False
        self.hidden = {key: data for key, data in self.hidden.items() if key != prefix}

    def has_parent(self, path):
        parent = path.rpartition("/")[0]
        return not parent or self.live.get(parent, 0) is DIRECTORY

    def below(self, path):
        return [key for key in self.live if key.startswith(f"{path}/")]

    def data(self, size):
        self.written += 1
        return bytes([self.written % 256]) * size

    def some_place(self, number):
        """Return one of the names that could be there."""
        found = [path for path in PATHS if self.has_parent(path)]
        return found[number % len(found)]

    def some_path(self, number, *, is_directory=None):
        """Return one of the names that are there."""
        found = sorted(
            path
            for path, one in self.live.items()
            if is_directory is None or is_directory == (one is DIRECTORY)
        )
        return found[number % len(found)] if found else None

    def handle(self, number):
        return self.handles[number % len(self.handles)]

    # Files

    @rule(number=numbers, truncates=st.booleans(), writes=st.booleans())
    def open(self, number, truncates, writes):
        self.opened(number, truncates=truncates, writes=writes)

    def opened(self, number, *, truncates, writes):
        """Open or create a file; say whether there now is one more handle."""
        path = self.some_place(number)
        if self.live.get(path, 0) is DIRECTORY or self.handles[4:]:
            return False
        flags = os.O_RDWR if writes or truncates else os.O_RDONLY
        if path not in self.live:
            fd = self.sh.open(f"/{path}", os.O_CREAT | os.O_RDWR)
            self.live[path] = File(path, has_object=False)
            writes = True
        else:
            fd = self.sh.open(f"/{path}", flags | (os.O_TRUNC if truncates else 0))
            if truncates:
                self.changed(self.live[path], b"")
        self.live[path].handles += 1
        self.handles.append((self.live[path], fd, writes or truncates))
        return True

    @rule(number=numbers, size=sizes)
    def write_file(self, number, size):
        """How cp makes a file."""
        if self.opened(number, truncates=True, writes=True):
            self.write(len(self.handles) - 1, 0, size)
            self.close(len(self.handles) - 1)

    def changed(self, file, data):
        file.data, file.is_dirty, file.is_new = data, True, False

    @precondition(lambda self: self.handles)
    @rule(number=numbers, offset=offsets, size=sizes)
    def write(self, number, offset, size):
        file, fd, is_writable = self.handle(number)
        if not is_writable:
            return
        data = self.data(size)
        self.sh.pwrite(fd, data, offset)
        old = file.data.ljust(offset, b"\0")
        self.changed(file, old[:offset] + data + old[offset + size :])

    @precondition(lambda self: self.handles)
    @rule(number=numbers, size=offsets)
    def truncate(self, number, size):
        file, fd, is_writable = self.handle(number)
        if not is_writable:
            return
        self.sh.ftruncate(fd, size)
        if size != len(file.data) or not size:
            self.changed(file, file.data[:size].ljust(size, b"\0"))

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def read(self, number):
        file, fd, _ = self.handle(number)
        assert len(file.data) == self.sh.fstat(fd).st_size
        if file.is_readable:
            assert file.data == self.sh.pread(fd, 10_000, 0)

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def fsync(self, number):
        file, fd, _ = self.handle(number)
        is_due = file.is_dirty and file.path
        self.run(lambda: self.sh.fsync(fd), *([self.committed(file)] if is_due else []))

    @precondition(lambda self: self.handles)
    @rule(number=numbers)
    def close(self, number):
        file, fd, is_writable = self.handles.pop(number % len(self.handles))
        file.handles -= 1
        is_due = file.is_dirty and file.path
        is_due = is_due and ((is_writable and not file.is_new) or not file.handles)
        if not file.handles:
            self.hidden.pop(file.hidden_at, None)
        self.run(lambda: self.sh.close(fd), *([self.committed(file)] if is_due else []))

    # Names

    @rule(number=numbers)
    def mkdir(self, number):
        path = self.some_place(number)
        if path not in self.live:
            done = self.run(lambda: self.sh.mkdir(f"/{path}"), self.bucket | {f"{path}/": b""})
            if done:
                self.live[path] = DIRECTORY

    @rule(number=numbers)
    def rmdir(self, number):
        path = self.some_path(number, is_directory=True)
        if path and not self.below(path):
            self.blind(f"{path}/")
            done = self.run(lambda: self.sh.rmdir(f"/{path}"), without(self.bucket, f"{path}/"))
            if done:
                del self.live[path]

    @rule(number=numbers)
    def unlink(self, number):
        path = self.some_path(number, is_directory=False)
        if path is None:
            return
        file = self.live[path]
        del self.live[path]
        file.path, file.hidden_at = None, path
        if file.handles and path in self.bucket:
            self.hidden[path] = self.bucket[path]
        self.run(lambda: self.sh.unlink(f"/{path}"), without(self.bucket, path))

    @rule(number=numbers, place=numbers)
    def rename(self, number, place):
        path, goal = self.some_path(number), self.some_place(place)
        if path is None or path == goal:
            return
        if self.live[path] is DIRECTORY:
            self.rename_directory(path, goal)
        elif self.live.get(goal, 0) is not DIRECTORY:
            self.rename_file(path, goal)

    def rename_file(self, path, target):
        file, displaced = self.live[path], self.live.get(target)
        if displaced is not None:
            displaced.path, displaced.is_readable = None, False
        states = []
        if file.has_object:
            if file.is_dirty:
                states.append(self.committed(file))
            self.blind(target)
            states.append(without(self.bucket, path) | {target: file.data})
        else:
            file.has_object = displaced is not None
        if self.run(lambda: self.sh.rename(f"/{path}", f"/{target}"), *states):
            del self.live[path]
            file.path, self.live[target] = target, file

    def rename_directory(self, path, target):
        is_free = target not in self.live or (
            self.live[target] is DIRECTORY and not self.below(target)
        )
        if not is_free or target.startswith(f"{path}/"):
            return
        if any(len(key.replace(path, target, 1).split("/")) > 2 for key in self.below(path)):
            return
        states, before = [], self.bucket
        for key in self.below(path):
            file = self.live[key]
            if file and file.has_object and file.is_dirty:
                self.bucket = self.committed(file)
                states.append(self.bucket)
        self.blind(f"{path}/")
        self.blind(f"{target}/")
        states.append({renamed(key, path, target): data for key, data in self.bucket.items()})
        self.bucket = before
        if self.run(lambda: self.sh.rename(f"/{path}", f"/{target}"), *states):
            self.live.pop(target, None)
            self.live = {renamed(key, path, target): one for key, one in self.live.items()}
            for key, file in self.live.items():
                if file:
                    file.path = key

    # Lives and others

    @rule(how=st.sampled_from(["remount", "crash", "crash", *["crash soon"] * 6]), number=numbers)
    def end(self, how, number):
        self.kill_after = None
        if how == "crash soon":
            self.kill_after = 3 * number + number % 3
        elif how == "crash":
            self.begin_anew([self.bucket])
        else:
            self.remount()

    def remount(self):
        while self.handles:
            self.close(0)
        self.life.close()
        self.life.points.is_dead = True
        assert self.bucket == self.core.objects()
        self.core.assert_nothing_left()
        self.mount()

    @rule(number=numbers, size=sizes)
    def others_put(self, number, size):
        path = self.some_place(number)
        file = self.live.get(path, 0)
        if file is not DIRECTORY and not (file and file.handles):
            if path in self.hidden:
                return
            data = self.data(size)
            self.core.put(path, data)
            self.core.clock.advance(61)
            self.live[path] = File(path, data, has_object=True)
            self.bucket = self.bucket | {path: data}

    @rule(number=numbers)
    def others_delete(self, number):
        path = self.some_path(number, is_directory=False)
        file = self.live.get(path)
        if file and not file.handles:
            self.core.bucket.delete(path)
            self.core.clock.advance(61)
            del self.live[path]
            self.bucket = without(self.bucket, path)

    @invariant()
    def names_and_sizes(self):
        for directory in ["", *(key for key, one in self.live.items() if one is DIRECTORY)]:
            prefix = f"{directory}/" if directory else ""
            expected = [key[len(prefix) :] for key in self.live if key.startswith(prefix)]
            assert sorted(name for name in expected if "/" not in name) == self.sh.listdir(
                f"/{directory}"
            )
        for path, file in self.live.items():
            if file:
                assert len(file.data) == self.sh.stat(f"/{path}").st_size

    @rule()
    def contents(self):
        for path, file in self.live.items():
            if file:
                assert file.data == self.sh.read(f"/{path}")


def without(state, key):
    return {one: data for one, data in state.items() if one != key}


def renamed(key, path, target):
    if key == path or key.startswith(f"{path}/"):
        return target + key[len(path) :]
    return key


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_file_system_is_its_model(make_core):
    """Whatever happens in whatever order."""
    Bucket.make_core = staticmethod(make_core)
    run_state_machine_as_test(
        Bucket,
        settings=settings(
            max_examples=int(os.environ.get("OSSFS_MODEL_EXAMPLES", "400")),
            stateful_step_count=50,
            deadline=None,
            derandomize="OSSFS_MODEL_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
