"""
One call on a mount without FUSE and on its reference, and what comes of it.

Other parts of the state machine choose the call; here it is made on both sides, and the answers
are compared. After a crash, or while the store cannot be reached, they tell what may be there.
"""

import errno
import stat
from copy import deepcopy
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize
from model_values import PATHS
from reference import Reference
from stepped import SteppedScheduler

from ossfs.errors import OssfsError, Transient

TICK_S = 0.001
FAILED = "the store could not be reached"
AT_ONCE = "rename_over_hidden"  # libfuse does that right behind what it has done before
RELINKED = "after fact relinked"  # from then on, what was hidden for a rename has its name again
ON_FS = {"utimens"}  # where the other form cannot leave a time as it is


class Calls(RuleBasedStateMachine):
    """A mount beside its reference."""

    make_core = None

    def __init__(self):
        super().__init__()
        self.core = self.make_core()
        self.ref, self.handles, self.life = Reference(), [], None
        self.written = self.hidden_files = 0
        self.trouble, self.is_out = None, False

    @initialize(
        durability=st.sampled_from(["close", "journal"]),
        is_hiding=st.sampled_from([True, True, False]),
    )
    def begin(self, durability, is_hiding):
        """Mount; perhaps open files lose their names as they do below libfuse."""
        self.is_hiding = is_hiding
        self.options = {"durability": durability, "attrs": "head", "retrying": True}
        self.mount()
        self.mkdir(2, 0o755)

    def teardown(self):
        if self.life is not None:
            self.life.die()

    def mount(self, kill_at=None):
        self.had_failures = False
        with mock.patch("ossfs.vfs.files.Scheduler", SteppedScheduler):
            self.life = self.core.mount(kill_at=kill_at, **self.options)
        self.sh, self.fs = self.life.os, self.life.fs
        self.work = self.fs._files.scheduler.work
        points = self.life.points
        points.on_call, points.refuse, points.lose = self.on_call, self.refuse, self.lose

    def call(self, name, *args, by="", real=(), **options):
        """
        Make one call on both sides; return its answer on the mount, None after a crash.

        There, it may be made `by` another one, and with arguments of its own.
        """
        clock, ref = self.core.clock, self.ref
        is_out, untouched = self.is_out, deepcopy(ref) if self.is_out else None
        clock.advance(TICK_S)
        before, ref.middles = ref.snapshot(), []
        passed = len(self.life.points.passed)
        started, is_dead, got = clock.now_ns(), False, None
        try:
            if name != AT_ONCE:
                self.work()
            ref.hidden, ref.unsent = self.hidden_names(), self.unsent_names()
            side = self.fs if name in ON_FS else self.sh
            got = getattr(side, by or name)(*(real or [_absolute(one) for one in args]), **options)
        except self.core.Killed:
            is_dead = True
        except OssfsError as error:
            got = FAILED if is_out and isinstance(error, Transient) else repr(error)
        except OSError as error:
            got = errno.errorcode[error.errno]
        self.is_out = False
        is_dead |= self.life.points.is_dead  # also if that was where nobody waits for it
        ref.now = (started, clock.now_ns())
        try:
            wanted = getattr(ref, name)(*args, **options)
        except OSError as error:
            wanted = errno.errorcode[error.errno]
        if is_dead:
            after = ref.snapshot()
            both = {one: before[one] + after[one] for one in before.keys() & after.keys()}
            begun = [] if RELINKED in self.life.points.passed[passed:] else [before, before | both]
            self.begin_anew([*begun, *ref.middles, after])
            return None
        if got == FAILED:
            self.heal(name, args[0], untouched)
            return FAILED
        if name == "open" and not isinstance(wanted, str) and isinstance(got, int):
            ref.handles[got] = wanted
            self.handles.append(got)
            return got
        assert wanted == got, (name, args)
        return got

    def hidden_names(self):
        """Return the names of which objects are there that nobody sees any more."""
        hidden = self.fs._tree.hidden
        return {path for path in PATHS if hidden.is_hidden(path) or hidden.covers(path)}

    def unsent_names(self):
        """Return the names of files of which nothing was sent yet: they are renamed locally."""
        nodes = [self.fs._tree.nodes.get(path) for path in PATHS]
        return {node.key for node in nodes if node is not None and not node.has_object}

    # Names to choose from

    def place(self, number):
        """Return one of the names that could be there, those first that are."""
        found = [path for path in PATHS if self.ref.is_place(path)]
        found.sort(key=lambda path: path not in self.ref.tree)
        return found[number % len(found)]

    def kind(self, path):
        node = self.ref.tree.get(path)
        return 0 if node is None else stat.S_IFMT(node.live.mode)


def _absolute(one):
    return f"/{one}" if isinstance(one, str) else one
