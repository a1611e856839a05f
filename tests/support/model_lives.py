"""
Crashes and remounts, and what has to be there after them.

What was promised has to be there, in the mount and for other clients; what was not, may be there
as it was before or as it was to be, and nothing in between.
"""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from model_values import PATHS, numbers
from model_views import shown
from reference import Reference


class Lives:
    """One process after another."""

    def begin_anew(self, allowed, *, dies_again=None):
        """Look what is there after a crash, and go on from that."""
        self.life.die()
        if dies_again is not None:
            try:
                self.mount(kill_at=dies_again)
                self.drain()
            except self.core.Killed:
                pass
            self.life = self.life or self.core.lives[-1]
            self.life.die()
        self.mount()
        self.have_no_trouble()
        self.handles = []
        self.drain()
        assert self.fs.drain(None)
        found = {path: one.state for path, one in shown(self.fs, PATHS).items()}
        wrongs = [self.ref.wrong(kept, found) for kept in allowed]
        assert [] in wrongs, wrongs
        kept = allowed[wrongs.index([])]
        store = self.core.bucket
        metadata = {item.key: store.head(item.key).metadata for item in store.list().objects}
        self.ref = Reference.restarted(kept, found, metadata)
        self.same_in_the_bucket()
        assert [] == self.core.stray_uploads(self.life.journal.load())

    def drain(self):
        while self.fs._files.scheduler.waiting() and self.fs.drain(None):
            pass

    @rule(number=numbers)
    def crash_soon(self, number):
        """Die at one of the next requests or journal writes."""
        points = self.life.points
        points.kill_at = len(points.passed) + 3 * number + number % 3

    @rule(again=st.sampled_from([None, None, 0, 1, 2, 5, 9]))
    def crash(self, again):
        self.begin_anew([self.ref.snapshot()], dies_again=again)

    @rule(is_drained=st.booleans())
    def remount(self, is_drained):
        self.life.points.kill_at = None
        self.have_no_trouble()
        while self.handles:
            self.close(0)
        if is_drained:
            assert self.fs.drain(None)
        self.life.close()
        self.life.points.is_dead = True
        if is_drained:
            self.same_in_the_bucket()
            if not self.had_failures:  # else uploads may be left, which the next mount aborts
                self.core.assert_nothing_left()
        self.begin_anew([self.ref.snapshot()])

    @rule(seconds=st.sampled_from([0.3, 1.5, 12]))
    def wait(self, seconds):
        self.core.clock.advance(seconds)
