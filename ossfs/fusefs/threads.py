"""
What the interpreter knows of libfuse's threads, kept from one request to the next.

When C calls Python in a thread that Python did not start, ctypes makes a thread state and
throws it away at the end of the call, with a page of memory that the kernel has to find,
clear and take back from all processors: a tenth of the time of a read of 128 KiB.
`keep_state` lets the state live as long as the thread, and with it what is in
`threading.local`.

Threads: each speaks for itself.
"""

import ctypes
import threading

_here = threading.local()
_end_with_thread = getattr(ctypes.CDLL(None), "__cxa_thread_atexit_impl", None)
"""How C++ destroys its thread-local objects; None where the C library is not glibc."""

_NO_LIBRARY = ctypes.c_void_p(1)
"""Whose code is called: an address in none is as good as one in the main program, NULL is not."""


def keep_state() -> None:
    """Keep this thread's state until it ends; call it first in whatever C calls."""
    if not hasattr(_here, "is_kept"):
        _here.is_kept = True
        if _end_with_thread is not None and _is_foreign():
            ctypes.pythonapi.PyGILState_Ensure()
            _end_with_thread(_let_go, None, _NO_LIBRARY)


def _is_foreign() -> bool:
    known = threading._active  # type: ignore[attr-defined]  # noqa: SLF001  # current_thread() would add it
    return threading.get_ident() not in known


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # type: ignore[untyped-decorator]  # so in typeshed
def _let_go(_: object) -> None:
    ctypes.pythonapi.PyGILState_Release(0)  # 0: the lock was, and stays, held
