"""A bucket in memory that can be watched, and a transfer that can be stopped at every step."""

import threading
from dataclasses import replace

from ossfs.store.api import BytesBody, Headers
from ossfs.store.limits import (
    OSS_CAPABILITIES,
    OSS_LIMITS,
    S3_CAPABILITIES,
    TOS_CAPABILITIES,
)
from ossfs.store.memory import MemoryStore

PART = 1000
CONTENT = bytes(range(250)) * 19  # 4750 bytes: five parts
CAPABILITIES = {"oss": OSS_CAPABILITIES, "tos": TOS_CAPABILITIES, "s3": S3_CAPABILITIES}
LIMITS = replace(OSS_LIMITS, min_part=100)
REQUESTS = (
    *("put", "create_upload", "upload_part", "complete_upload", "abort_upload", "list_parts"),
    *("list_uploads", "head", "get", "copy", "copy_part"),
)
STEPS = ("begin", "note", "delete")


class Killed(BaseException):
    """Ends a transfer as the death of its process would."""


class Points:
    """The steps of a transfer, each passed before and after; `kill_at` ends it at one."""

    def __init__(self):
        self._lock = threading.Lock()
        self.passed = []
        self.kill_at = None
        self.is_dead = False
        self.hooks = {}

    def __call__(self, when, name):
        with self._lock:
            if self.is_dead:
                raise Killed(name)
            self.passed.append(f"{when} {name}")
            if len(self.passed) - 1 == self.kill_at:
                self.is_dead = True
                raise Killed(name)
        self.hooks.get(f"{when} {name}", lambda: None)()

    def count(self, name):
        """How often a step was begun."""
        return self.passed.count(f"before {name}")

    def revive(self):
        """Forget the death, and what happened before it."""
        self.__init__()


def tapped(name, function, points):
    def call(*args, **kwargs):
        points("before", name)
        result = function(*args, **kwargs)
        points("after", name)
        return result

    return call


class Bent:
    """A sink that is given zeros instead of what came."""

    def __init__(self, into):
        self._into = into
        self.begins = into.begins
        self.can_start_over = into.can_start_over

    def room(self):
        self._room = self._into.room()
        return self._room

    def came(self, count):
        self._room[:count] = bytes(count)
        self._into.came(count)


def bent(get):
    """Return a `get` whose sinks are given zeros."""
    return lambda *args, into, **kwargs: get(*args, into=Bent(into), **kwargs)


class Bucket(MemoryStore):
    """A bucket in memory whose requests are steps."""

    def __init__(self, kind, points):
        super().__init__(kind, limits=LIMITS, capabilities=CAPABILITIES[kind])
        self.points = points
        for name in REQUESTS:
            setattr(self, name, tapped(name, getattr(self, name), points))

    def put_plain(self, key, content, **headers):
        """Store an object without a step."""
        return MemoryStore.put(self, key, BytesBody(content), Headers(**headers))

    def bytes_of(self, key):
        return bytes(MemoryStore.get(self, key).data)

    def pending(self):
        """Return the uploads, and how many parts each has."""
        return {name: len(upload.parts) for name, upload in self._uploads.items()}
