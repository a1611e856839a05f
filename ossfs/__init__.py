"""
ossfs: a bucket of an object store, mounted as a directory.

Where to go, top to bottom; a package imports only what stands below it:

- `ossfs.cli`: the commands; `ossfs.assembly` builds the parts, `ossfs.config` names the options
- `ossfs.fusefs`: translates FUSE requests into calls of the file system, and nothing else
- `ossfs.vfs`: the file system without FUSE: names, nodes, handles, reads, writes
- `ossfs.cache`: disposable copies; `ossfs.writeback`: bytes that exist only here
- `ossfs.transfer`: many bytes as many requests; `ossfs.journal`: what we promised to finish
- `ossfs.store`: one method is one request to the object store
- `ossfs.observe`: logs and metrics
- `ossfs.errors`, `ossfs.extents`, `ossfs.crc64`, `ossfs.clock`: values without I/O
- `ossfs.emulator`: an object server for demos and tests; shares no code with the client

From Python, `ossfs.connect` opens a bucket, and the names of `ossfs.transfer` move files and
bytes; they are offered here, too, and are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ossfs import errors as errors
    from ossfs import transfer as transfer
    from ossfs.connecting import ConnectedBucket as ConnectedBucket
    from ossfs.connecting import connect as connect
    from ossfs.transfer import *  # noqa: F403  # one list of names is enough

__version__ = "0.1.0"

_CONNECTING = ("ConnectedBucket", "connect")
_MODULES = ("errors", "transfer")

if not TYPE_CHECKING:  # type checkers are to know each name, and no other

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"ossfs.{name}")
        if name in _CONNECTING:
            return getattr(import_module("ossfs.connecting"), name)
        if not name.startswith("_"):
            transfer = import_module("ossfs.transfer")
            if name in transfer.__all__:
                return getattr(transfer, name)
        raise AttributeError(f"module 'ossfs' has no attribute {name!r}")
