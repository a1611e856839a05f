"""Whatever the file system raises, the kernel is told an errno."""

import errno

import pytest

from ossfs.errors import AccessDenied, TimedOut
from ossfs.fusefs.operations import Operations


class Failing:
    """A file system in which everything fails in the same way."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        def fail(*_, **__):
            raise self._error

        return fail


CALLS = [
    ("getattr", "/f"), ("readdir", "/"), ("readlink", "/f"), ("open", "/f", 0),
    ("read", None, 1, 0, 1), ("write", None, memoryview(b"x"), 0, 1), ("flush", None, 1),
    ("fsync", None, 0, 1), ("fsyncdir", "/d", 0, 0), ("release", None, 1), ("truncate", "/f", 1),
    ("chmod", "/f", 0o600),
    ("unlink", "/f"), ("rmdir", "/d"), ("rename", "/f", "/g"),
]  # fmt: skip
ERRORS = [
    (AccessDenied("no"), errno.EACCES),
    (TimedOut("late"), errno.ETIMEDOUT),
    (FileNotFoundError(errno.ENOENT, "gone"), errno.ENOENT),
    (OSError("without a number"), errno.EIO),
    (KeyError("a mistake of ours"), errno.EIO),
    (KeyboardInterrupt(), errno.EIO),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda one: type(one).__name__)
def test_every_failure_has_its_errno(call, error, code, expect_log):
    """The binding would make EINVAL, or an undefined answer, of anything else."""
    if not isinstance(error, FileNotFoundError):  # which is nothing to tell the operator
        expect_log(r"\(.*\)")
    operations = Operations(Failing(error), asker=lambda: (0, 0, 0), on_ready=lambda: None)

    with pytest.raises(OSError, match=r".*") as raised:
        operations(*call)

    assert code == raised.value.errno
