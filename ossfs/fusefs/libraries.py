"""
Which libfuse a mount runs on: version 2 through fusepy, or 3 through mfusepy.

fusepy is always installed, mfusepy is an extra. libfuse 3 carries larger requests, lists
directories with attributes, and knows the flags of a rename; so it is taken where everything
that it needs is there. Nothing here loads a library: `load` does, and only the one.

Threads: functions without state; `load` is to be called before others read the environment.
"""

import importlib
import importlib.metadata
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from typing import Any

from ossfs.errors import MountFailed

log = logging.getLogger(__name__)

AUTO = "auto"
PACKAGE = "mfusepy"
OLDEST = 3  # the first major version that calls the methods of the operations by name
PATH_VARIABLE = "FUSE_LIBRARY_PATH"  # which library both packages load, if it is set


def choose(wanted: str) -> int:
    """
    Return which libfuse to use, 2 or 3; `wanted` is one of these or "auto".

    MountFailed: 3 is wanted and something that it needs is missing.
    """
    if wanted == "2":
        return 2
    missing = list(_missing())
    if wanted != AUTO and missing:
        raise MountFailed(
            f"libfuse 3 cannot be used without {' and '.join(missing)};"
            " leave `--fuse 3` out to use libfuse 2"
        )
    return 2 if missing else 3


def _missing() -> Iterator[str]:
    """Name what libfuse 3 needs and is not installed."""
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    if int(version.partition(".")[0]) < OLDEST:
        yield f"the Python package {PACKAGE} (pip install '{PACKAGE}>={OLDEST}')"
    if find_library("fuse3") is None or shutil.which("fusermount3") is None:
        yield "libfuse 3 and its fusermount3 (apt-get install fuse3)"


def bind(wanted: str) -> Any:
    """Load the libfuse of `choose`; return the module with its `Binding`. MountFailed."""
    version = choose(wanted)
    try:
        return load(version)
    except MountFailed as error:
        if wanted != AUTO or version == 2:  # noqa: PLR2004  # the version
            raise
        log.warning("%s; the mount runs on libfuse 2", error)
        return load(2)


def load(version: int) -> Any:
    """Load a libfuse; return the module with its `Binding`. MountFailed."""
    try:
        with _only(find_library("fuse" if version == 2 else "fuse3")):  # noqa: PLR2004  # the version
            return importlib.import_module(f"ossfs.fusefs.fuse{version}")
    except (OSError, ImportError, AttributeError, AssertionError) as error:
        # The last two: of a version that the package does not know, or knows otherwise.
        raise MountFailed(f"libfuse {version} cannot be loaded: {error}") from error


@contextmanager
def _only(library: str | None) -> Iterator[None]:
    """Let the package that is imported inside load this library, unless the user named one."""
    if library is None or PATH_VARIABLE in os.environ:
        yield
        return
    os.environ[PATH_VARIABLE] = library
    try:
        yield
    finally:
        del os.environ[PATH_VARIABLE]
