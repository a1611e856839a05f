"""
How much memory the caches may take on this machine.

The whole process stays below 350 MB unless told otherwise: about 60 MB for Python and its
libraries, 192 MiB of blocks, the rest for requests of writers and what malloc does not give
back. A small machine or container gets a quarter of what it has.
"""

import os
from pathlib import Path

MIB = 1024 * 1024

MOST = 192 * MIB
LEAST = 16 * MIB
"""Below this, a sequential reader could not have two parts under way."""


def default_budget(limit: int | None = None) -> int:
    """Return the bytes that blocks may take when the user does not say; `limit`: of memory."""
    return max(LEAST, min(MOST, (memory_limit() if limit is None else limit) // 4))


def memory_limit(root: Path = Path("/")) -> int:
    """
    Return the bytes of memory this process may use: its control group's limit or all RAM.

    Knows version 2 (`memory.max`) and 1 (`memory.limit_in_bytes`) of control groups, and
    takes the lowest limit on the way from the process's group to the root.
    """
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = root / "sys/fs/cgroup"
    limits = [ram]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            top, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        # Inside a container the path is the host's; then only the top is visible here.
        here = top / path.lstrip("/")
        for folder in (here, *here.parents):
            limits += [int(word) for word in _text(folder / name).split() if word.isdigit()]
            if folder == top:
                break
    return min(limits)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # no control groups, or another version of them
