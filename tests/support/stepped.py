"""
The scheduler of background work without threads: it works when it is told to.

So that a random test that failed fails again, and can die in the middle of that work, too.
"""

import heapq

from ossfs.writeback.scheduler import Scheduler


class SteppedScheduler(Scheduler):
    """Does what is due in the thread that calls `work`, and all that waits in `drain`."""

    def _start_thread_locked(self):
        """Start nothing."""

    def work(self):
        """Do what is due by now."""
        while (file := self._due_now()) is not None:
            retry_s = self._attempt(file)
            with self._lock:
                self._running.discard(file)
                if retry_s is None:
                    self._retry_s.pop(file, None)
                else:
                    self._due.setdefault(file, self._clock.monotonic() + retry_s)
                if file in self._due:
                    self._push_locked(file, self._due[file])

    def drain(self, deadline_s):  # nothing runs meanwhile that could be waited for
        """Try everything now, once; return whether nothing is left."""
        with self._lock:
            now = self._clock.monotonic()
            for file in list(self._due):
                self._push_locked(file, now)
        self.work()
        return not self._due

    def _due_now(self):
        with self._lock:
            while self._heap and self._heap[0][0] <= self._clock.monotonic():
                due, _, file = heapq.heappop(self._heap)
                if self._due.get(file) == due:
                    del self._due[file]
                    self._running.add(file)
                    return file
            return None
