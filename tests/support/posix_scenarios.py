"""
What programs ask of a file system, as sequences of calls: `SCENARIOS`, by name.

Most are products: every operation, on every type of file, by every user. Nothing here says what
the answer is; a local disk does.
"""

import os
import stat
from itertools import product

from posix_sides import NOW, OMIT, ROOT, step

OWNER = (65534, 65533, (65532,))
OTHER = (65530, 65529, ())
GROUP = (65530, 65529, (65533,))
USERS = {"root": ROOT, "owner": OWNER, "group": GROUP, "other": OTHER}
TYPES = ("file", "directory", "fifo", "socket", "block", "char", "symlink")
NOT_LINKS = TYPES[:-1]
SPECIAL = ("fifo", "block", "char")
LONG = "n" * 255
LONGEST = ("n" * 255, "é" * 127 + "n")
TOO_LONGS = ("n" * 256, "é" * 128)
TOO_LONG = "n" * 256
PAST, LATER = 10**18, 4_294_967_296 * 10**9 + 5  # 2001; behind what 32 bits can count

SCENARIOS = {}


def scenario(name, *steps):
    """Add one; lists of steps are joined."""
    assert name not in SCENARIOS, name
    flat = []
    for one in steps:
        flat.extend(one if isinstance(one, list) else [one])
    SCENARIOS[name] = flat


def make(kind, path="n0", mode=0o644, user=ROOT):
    """Return the call that makes something of a type."""
    return {
        "file": lambda: step("create", path, mode, user=user),
        "directory": lambda: step("mkdir", path, mode, user=user),
        "fifo": lambda: step("mkfifo", path, mode, user=user),
        "socket": lambda: step("bind", path, user=user),
        "block": lambda: step("mknod", path, stat.S_IFBLK | mode, 1, 2, user=user),
        "char": lambda: step("mknod", path, stat.S_IFCHR | mode, 1, 3, user=user),
        "symlink": lambda: step("symlink", "nowhere", path, user=user),
    }[kind]()


def owned(kind, path="n0", mode=0o644, user=OWNER):
    """Make something that is a user's."""
    steps = [make(kind, path, mode), step("lchown", path, user[0], user[1])]
    return steps if kind == "symlink" else [*steps, step("chmod", path, mode)]


def directory(path, mode, user=OWNER):
    """Make a directory that is a user's."""
    return owned("directory", path, mode, user)


# Every operation on `p`, which may or may not exist, by user `u`.
OPERATIONS = {
    "stat": lambda p, u=ROOT: step("stat", p, user=u),
    "open": lambda p, u=ROOT: step("open", p, os.O_RDONLY, user=u),
    "creat": lambda p, u=ROOT: step("open", p, os.O_CREAT | os.O_WRONLY, 0o644, user=u),
    "creat excl": lambda p, u=ROOT: step("create", p, user=u),
    "mkdir": lambda p, u=ROOT: step("mkdir", p, user=u),
    "rmdir": lambda p, u=ROOT: step("rmdir", p, user=u),
    "unlink": lambda p, u=ROOT: step("unlink", p, user=u),
    "mkfifo": lambda p, u=ROOT: step("mkfifo", p, user=u),
    "mknod": lambda p, u=ROOT: step("mknod", p, stat.S_IFCHR | 0o600, 1, 3, user=u),
    "socket": lambda p, u=ROOT: step("mknod", p, stat.S_IFSOCK | 0o600, user=u),
    "symlink": lambda p, u=ROOT: step("symlink", "x", p, user=u),
    "rename from": lambda p, u=ROOT: step("rename", p, "new", user=u),
    "rename to": lambda p, u=ROOT: step("rename", "here", p, user=u),
    "chmod": lambda p, u=ROOT: step("chmod", p, 0o600, user=u),
    "chown": lambda p, u=ROOT: step("chown", p, 65534, 65532, user=u),
    "lchown": lambda p, u=ROOT: step("lchown", p, 65534, 65532, user=u),
    "truncate": lambda p, u=ROOT: step("truncate", p, 3, user=u),
    "utime": lambda p, u=ROOT: step("utime", p, PAST, PAST, user=u),
    "lutime": lambda p, u=ROOT: step("lutime", p, PAST, PAST, user=u),
    "touch": lambda p, u=ROOT: step("touch", p, user=u),
    "readlink": lambda p, u=ROOT: step("readlink", p, user=u),
    "access": lambda p, u=ROOT: step("access", p, os.R_OK | os.W_OK, user=u),
    "listdir": lambda p, u=ROOT: step("listdir", p, user=u),
}
OPENS = {"open", "creat", "listdir"}
"""Of these, a fifo waits for its other end, and a device may be any machine's own."""

# Paths that cannot be walked

for name, operation in OPERATIONS.items():
    scenario(
        f"path: {name} below what is no directory",
        step("create", "here"),
        [
            one
            for kind in ("file", *NOT_LINKS[2:])
            for one in (make(kind, kind), operation(f"{kind}/test"))
        ],
    )
    scenario(
        f"path: {name} of what is not there",
        step("create", "here"),
        operation("missing/test"),
        operation("missing"),
    )
    scenario(
        f"path: {name} of the longest name, and of names that are too long",
        step("create", "here"),
        [operation(name) for name in (*TOO_LONGS, *LONGEST)],
        operation(f"{TOO_LONG}/test"),
        operation(f"{LONG}/test"),
        [operation("./" * 2046 + "x" * more) for more in (1, 3, 4, 5)],
    )
    scenario(
        f"path: {name} through a loop of links",
        step("create", "here"),
        step("symlink", "b", "a"),
        step("symlink", "a", "b"),
        operation("a/test"),
        operation("a"),
    )
    scenario(
        f"path: {name} of dots and slashes",
        step("create", "here"),
        step("mkdir", "d"),
        [operation(path) for path in ("d/.", "d/..", "here/.", "d//", "here/", "new/", ".", "")],
    )
    scenario(
        f"path: {name} by those who may not search, or not write",
        directory("d", 0o755),
        step("create", "d/n0", user=OWNER),
        [
            one
            for mode in (0o644, 0o555, 0o000)
            for one in (
                step("chmod", "d", mode),
                operation("d/n0", OWNER),
                operation("d/n1", OWNER),
                operation("d/n0", OTHER),
                operation("d/n1", OTHER),
            )
        ],
    )

# Every operation on every type by every user, in a directory where all may do all

for name, kind in product(OPERATIONS, TYPES):
    if name in OPENS and kind in SPECIAL:
        continue
    for sticky in (0, 0o1000):
        scenario(
            f"types: {name} of a {kind}{' in a sticky directory' if sticky else ''}",
            directory("d", 0o777 | sticky, (65531, 65531)),
            [
                one
                for who, user in USERS.items()
                for one in (
                    *owned(kind, f"d/{who}", 0o750),
                    OPERATIONS[name](f"d/{who}", user),
                )
            ],
        )

# Renaming every type over every type

for one, other in product(TYPES, TYPES):
    scenario(
        f"rename: a {one} over a {other}",
        step("mkdir", "d"),
        make(one, "n0"),
        make(other, "d/n1"),
        step("rename", "n0", "d/n1"),
        step("rename", "d/n1", "n2"),
    )
for kind, sticky, *users in product(("file", "directory"), (0, 0o1000), *[(OWNER, OTHER)] * 5):
    source, target, thing, over, actor = users
    owners = "".join("x" if user is OWNER else "y" for user in users)
    scenario(
        f"rename: a {kind} of one user over another's, sticky {sticky:o}, by {owners}",
        directory("s", 0o777 | sticky, source),
        directory("t", 0o777 | sticky, target),
        owned(kind, "s/n", 0o755, thing),
        owned(kind, "t/n", 0o755, over),
        step("rename", "s/n", "t/n", user=actor),
    )
scenario(
    "rename: into itself, and over what is full",
    step("mkdir", "a"),
    step("mkdir", "a/b"),
    step("mkdir", "c"),
    step("put", "c/f", b"x"),
    step("rename", "a", "a/b/new"),
    step("rename", "a", "a/b"),
    step("rename", "a/b", "a"),
    step("rename", "a", "c"),
    step("rename", "a", "a"),
    step("rename", "c/f", "c/f"),
    step("rename", "a", "c/f"),
    step("rename", "c/f", "a"),
    step("rename", "a/b", "b"),
    step("rename", "b", "a"),
    step("rename", "c", "a"),
)
scenario(
    "rename: a directory of another owner into another parent",
    directory("d", 0o777),
    directory("e", 0o777),
    directory("d/sub", 0o755, OTHER),
    step("rename", "d/sub", "d/other", user=OWNER),
    step("rename", "d/other", "e/sub", user=OWNER),
    step("rename", "d/other", "e/sub", user=OTHER),
)
scenario(
    "rename: open files go on",
    step("put", "a", b"aaa"),
    step("put", "b", b"bbbbb"),
    step("hold", "a", "a", os.O_RDWR),
    step("hold", "b", "b", os.O_RDWR),
    step("rename", "a", "b"),
    step("fread", "a", 10, 0),
    step("fread", "b", 10, 0),
    step("fstat", "a"),
    step("fstat", "b"),
    step("pwrite", "b", b"new", 0),
    step("pwrite", "a", b"more", 3),
    step("fread", "b", 10, 0),
    step("drop", "b"),
    step("drop", "a"),
    step("get", "b"),
)

scenario(
    "rename: the flag that nothing may be replaced, and others",
    make("file", "a"),
    make("file", "b"),
    [step("rename_as", "a", target, flags) for target in "ab" for flags in (0, 1, 3, 8)],
)
for owner, thing, actor in product((ROOT, OWNER, OTHER), repeat=3):
    scenario(
        f"remove: {thing[0]}'s from {owner[0]}'s sticky directory by {actor[0]}",
        directory("d", 0o1777, owner),
        [
            one
            for kind in ("file", "directory", "symlink")
            for one in (
                *owned(kind, f"d/{kind}", 0o755, thing),
                step("rename", f"d/{kind}", "d/new", user=actor),
                step("rmdir" if kind == "directory" else "unlink", f"d/{kind}", user=actor),
                step("rmdir" if kind == "directory" else "unlink", "d/new", user=actor),
            )
        ],
    )

# Modes

for kind in NOT_LINKS:
    scenario(
        f"mode: chmod of a {kind}",
        make(kind),
        [step("chmod", "n0", mode) for mode in (0o111, 0o7777, 0o1000, 0, 0o111, 0o111)],
        step("symlink", "n0", "link"),
        step("chmod", "link", 0o321),
        step("lchown", "n0", OWNER[0], OWNER[1]),
        step("chmod", "n0", 0o4777, user=OTHER),
        step("chmod", "n0", 0o6555, user=OWNER),
        step("lchown", "n0", OWNER[0], OTHER[1]),
        step("chmod", "n0", 0o6555, user=OWNER),
        step("chmod", "n0", 0o7777, user=OWNER),
    )
    scenario(
        f"mode: chown of a {kind}",
        make(kind),
        step("chown", "n0", 123, 456),
        step("chown", "n0", 0, 0),
        step("symlink", "n0", "link"),
        step("chown", "link", 123, 456),
        step("lchown", "link", 7, 8),
        step("chown", "n0", OWNER[0], OWNER[1]),
        [
            one
            for uid, gid, user in (
                (-1, 65532, OWNER), (65534, 65533, OWNER), (-1, 65533, OWNER), (65534, -1, OWNER),
                (65534, 65530, OWNER), (65530, -1, OWNER), (65530, 65533, OTHER),
                (-1, 65533, OTHER),
                (65530, 65529, ROOT), (65534, 65533, ROOT), (-1, 5, ROOT), (5, -1, ROOT),
            )
            for one in (
                step("chown", "n0", OWNER[0], OWNER[1]),
                step("chmod", "n0", 0o6555),
                step("chown", "n0", uid, gid, user=user),
            )
        ],
    )  # fmt: skip
    scenario(
        f"mode: making a {kind}",
        [
            one
            for mask in (0o022, 0o077, 0, 0o777, 0o200)
            for mode in (0o755, 0o151, 0o345, 0o6777, 0o1777)
            for one in (
                step("umask", mask),
                make(kind, f"{mask:o}-{mode:o}", mode),
            )
        ],
    )
    scenario(
        f"mode: a {kind} in a directory that hands on its group",
        [
            one
            for mode, user in product((0o777, 0o2777, 0o3777), (ROOT, OWNER, OTHER))
            for one in (
                *directory(f"d{mode:o}{user[0]}", mode, (65531, 65532)),
                make(kind, f"d{mode:o}{user[0]}/a", 0o2775, user),
                make(kind, f"d{mode:o}{user[0]}/b", 0o644, user),
            )
        ],
    )
for operation in (
    lambda user: [step("append", "n0", b"x", user=user)],
    lambda user: [step("truncate", "n0", 1, user=user)],
    lambda user: [step("open", "n0", os.O_WRONLY | os.O_TRUNC, user=user)],
    lambda user: [
        step("hold", "f", "n0", os.O_RDWR, user=user),
        step("fwrite", "f", b"x", user=user),
        step("fstat", "f"),
        step("ftruncate", "f", 0, user=user),
        step("drop", "f"),
    ],
):
    for user, mode in product((OTHER, OWNER, ROOT), (0o4777, 0o2777, 0o6777)):
        steps = operation(user)
        scenario(
            f"mode: {steps[0].name} {len(steps)} of {mode:o} by {user[0]}",
            owned("file", mode=mode),
            steps,
            step("stat", "n0"),
        )

# Times

for kind in TYPES:
    scenario(
        f"times: making and removing a {kind}",
        make(kind),
        step("rmdir" if kind == "directory" else "unlink", "n0"),
        step("mkdir", "d"),
        make(kind, "d/n0"),
        step("rename", "d/n0", "d/n1"),
        step("rename", "d/n1", "n1"),
        step("rename", "n1", "d/n0"),
        step("rmdir" if kind == "directory" else "unlink", "d/n0"),
        make(kind, "d/n0"),
        make(kind, "d/n0"),
        step("rmdir" if kind != "directory" else "unlink", "d/n0"),
    )
    scenario(
        f"times: setting those of a {kind}",
        make(kind),
        step("lutime", "n0", PAST, LATER),
        step("lutime", "n0", LATER, PAST + 123456789),
        step("lutime", "n0", -1_500_000_000, 0),
        step("lutime", "n0", 1, 999_999_999),
        step("lchown", "n0", OWNER[0], OWNER[1]),
        step("lutime", "n0", PAST, PAST, user=OTHER),
        step("lutime", "n0", PAST, PAST, user=OWNER),
    )
    if kind != "symlink":
        scenario(
            f"times: touching a {kind}",
            owned(kind, mode=0o444),
            step("touch", "n0", user=OWNER),
            step("touch", "n0", user=OTHER),
            step("utime", "n0", PAST, PAST, user=OTHER),
            step("chmod", "n0", 0o646),
            step("touch", "n0", user=OTHER),
            step("utime", "n0", PAST, PAST, user=OTHER),
        )
MOMENTS = (NOW, OMIT, (10**9, 1), (-1, 999_999_999), (2**31, 5), (2**32, 0))
for kind in TYPES:
    scenario(
        f"times: now, as they were, or others, of a {kind}",
        owned(kind, mode=0o666),
        [
            step("utimensat", "n0", *pair, user=user)
            for pair in product(MOMENTS[:3], repeat=2)
            for user in (OWNER, OTHER)
        ],
        [step("utimensat", "n0", *pair) for pair in zip(MOMENTS, MOMENTS[::-1], strict=True)],
        step("utimensat", "n0", (0, 10**9), OMIT),
        step("utimensat", "n0", OMIT, (0, -1)),
        step("utimensat", "missing", OMIT, OMIT),
    )
    scenario(
        f"times: what fails with a {kind} moves none",
        owned(kind),
        [step("mkdir", "d"), step("create", "d/f")],
        [
            operation("n0", OTHER)
            for name, operation in OPERATIONS.items()
            if name not in OPENS and not (kind == "directory" and name == "rename from")
        ],
        step("rename", "n0", "missing/new"),
        step("rename", "d", "n0"),
        step("rename", "n0", "d"),
        step("mkfifo", "n0"),
        step("symlink", "x", "n0"),
    )
scenario(
    "times: writing and cutting",
    step("put", "n0", b"x" * 100),
    step("append", "n0", b"y"),
    step("truncate", "n0", 50),
    step("truncate", "n0", 5000),
    step("truncate", "n0", -1),
    step("truncate", "missing", -1),
    step("open", "n0", os.O_WRONLY | os.O_TRUNC),
    step("put", "n0", b"z"),
    step("hold", "f", "n0", os.O_RDWR),
    step("ftruncate", "f", 1000),
    step("ftruncate", "f", 10),
    step("ftruncate", "f", -1),
    step("fwrite", "f", b"abc"),
    step("pwrite", "f", b"def", 5000),
    step("fstat", "f"),
    step("fsync", "f"),
    step("fchmod", "f", 0o640),
    step("fchown", "f", 5, 6),
    step("fstat", "f"),
    step("unlink", "n0"),
    step("fstat", "f"),
    step("fwrite", "f", b"abc"),
    step("ftruncate", "f", 3),
    step("fread", "f", 10, 0),
    step("fchmod", "f", 0o600),
    step("fstat", "f"),
    step("drop", "f"),
)
scenario(
    "links: counts",
    step("mkdir", "d"),
    [step("mkdir", f"d/{number}") for number in range(3)],
    step("create", "d/f"),
    step("symlink", "0", "d/link"),
    step("rename", "d/0", "d/zero"),
    step("rename", "d/1", "moved"),
    step("rmdir", "d/2"),
    step("mkdir", "d/zero/deep"),
    step("rename", "moved", "d/zero"),
    step("rename", "moved", "d/back"),
    step("rmdir", "d/back"),
)

# Opening

for flags, mode in product(
    (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC), (0o600, 0o060, 0o006, 0o444, 0)
):
    scenario(
        f"open: flags {flags:o} of mode {mode:o}",
        owned("file", mode=mode),
        [step("open", "n0", flags, user=user) for user in USERS.values()],
        directory("d", mode | 0o111),
        [step("open", "d", flags, user=user) for user in USERS.values()],
        [step("listdir", "d", user=user) for user in USERS.values()],
        [step("access", "n0", how, user=user) for how in range(8) for user in USERS.values()],
    )
scenario(
    "open: flags that refuse",
    step("put", "f", b"text"),
    step("mkdir", "d"),
    step("symlink", "f", "link"),
    step("symlink", "new", "dangling"),
    step("mkfifo", "fifo"),
    step("bind", "socket"),
    step("open", "link", os.O_RDONLY | os.O_NOFOLLOW),
    step("open", "dangling", os.O_RDONLY),
    step("open", "dangling", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644),
    step("open", "dangling", os.O_CREAT | os.O_WRONLY, 0o644),
    step("open", "fifo", os.O_WRONLY | os.O_NONBLOCK),
    step("open", "fifo", os.O_RDONLY | os.O_NONBLOCK),
    step("open", "socket", os.O_RDONLY),
    step("open", "f", os.O_RDONLY | os.O_DIRECTORY),
    step("open", "d", os.O_WRONLY),
    step("open", "d", os.O_RDWR),
    step("open", "d", os.O_RDONLY | os.O_TRUNC),
    step("open", "d", os.O_RDONLY | os.O_CREAT, 0o644),
    step("open", "f", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644),
    step("open", "f", os.O_RDONLY | os.O_TRUNC),
    step("open", "d", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644),
    step("open", "link", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644),
    step("hold", "f", "f", os.O_RDONLY),
    step("fwrite", "f", b"x"),
    step("ftruncate", "f", 0),
    step("fchmod", "f", 0o600),
    step("hold", "g", "f", os.O_WRONLY | os.O_APPEND),
    step("fread", "g", 1, 0),
    step("fwrite", "g", b"one"),
    step("pwrite", "g", b"two", 0),
    step("seek", "g", 0, os.SEEK_END),
    step("ftruncate", "g", 2),
    step("fwrite", "g", b"three"),
    step("fread", "f", 100, 0),
)
scenario(
    "open: a mode that forbids what the descriptor may",
    step("umask", 0),
    step("hold", "f", "n0", os.O_CREAT | os.O_RDWR, 0o000, user=OWNER),
    directory("d", 0o777),
    step("hold", "g", "d/n0", os.O_CREAT | os.O_RDWR, 0o000, user=OWNER),
    step("fwrite", "g", b"text", user=OWNER),
    step("fread", "g", 10, 0, user=OWNER),
    step("ftruncate", "g", 2, user=OWNER),
    step("open", "d/n0", os.O_RDONLY, user=OWNER),
)
scenario(
    "open: holes and ends",
    step("hold", "f", "n0", os.O_CREAT | os.O_RDWR, 0o644),
    step("pwrite", "f", b"x", 100_000),
    step("seek", "f", 0, os.SEEK_END),
    step("seek", "f", -1, os.SEEK_SET),
    step("fread", "f", 100, 200_000),
    step("fallocate", "f", 0, 50),
    step("fallocate", "f", 100_000, 10_000),
    step("fallocate", "f", -1, 5),
    step("fallocate", "f", 0, 0),
    step("fstat", "f"),
    step("fread", "f", 1 << 20, 90_000),
    step("drop", "f"),
)

KEEP_SIZE, PUNCH_HOLE = 1, 2
for mode in (0, KEEP_SIZE, KEEP_SIZE | PUNCH_HOLE, PUNCH_HOLE):
    scenario(
        f"open: fallocate with mode {mode}",
        step("put", "n0", b"text" * 5000),
        owned("file", "n1", 0o6777),
        step("hold", "f", "n0", os.O_RDWR),
        step("hold", "g", "n1", os.O_RDWR, user=OTHER),
        [
            one
            for offset, size in (
                (0, 100), (10_000, 200_000), (9_990, 20), (20_000, 5), (-1, 5), (0, 0), (0, -1),
                (1 << 62, 1 << 62),
            )
            for one in (
                step("fallocate_as", "f", mode, offset, size),
                step("fallocate_as", "g", mode, offset, size, user=OTHER),
                step("fstat", "f"),
                step("fread", "f", 1 << 20, 0),
            )
        ],
        step("unlink", "n0"),
        step("fallocate_as", "f", mode, 5, 500_000),
        step("fstat", "f"),
        step("hold", "f", "n1", os.O_RDONLY),
        step("fallocate_as", "f", mode, 0, 10),
        step("mkfifo", "fifo"),
        step("hold", "f", "fifo", os.O_RDWR),
        step("fallocate_as", "f", mode, 0, 10),
    )  # fmt: skip
scenario(
    "open: a fifo and a socket between processes",
    step("mkfifo", "f"),
    step("hold", "r", "f", os.O_RDONLY),
    step("hold", "w", "f", os.O_WRONLY),
    step("seek", "r", 0, os.SEEK_SET),
    step("ftruncate", "w", 1),
    step("truncate", "f", 1),
    step("fstat", "r"),
    step("fchmod", "r", 0o600),
    step("unlink", "f"),
    step("bind", "s"),
    step("connect", "s"),
    step("bind", "s"),
    step("unlink", "s"),
    step("connect", "s"),
)
for flags in (
    os.O_PATH, os.O_PATH | os.O_NOFOLLOW, os.O_NOFOLLOW | os.O_DIRECTORY,
    os.O_CREAT | os.O_NOFOLLOW, os.O_CREAT | os.O_DIRECTORY, os.O_TRUNC | os.O_RDWR,
    os.O_WRONLY | os.O_NOFOLLOW | os.O_TRUNC, os.O_CREAT | os.O_EXCL | os.O_TRUNC | os.O_WRONLY,
):  # fmt: skip
    scenario(
        f"open: flags {flags:o} of links and paths that end in a slash",
        step("put", "f", b"text"),
        step("mkdir", "d"),
        [step("symlink", target, f"to {target}") for target in ("f", "d", "missing")],
        [
            step("open", path + end, flags, 0o640)
            for path in ("f", "d", "missing", "to f", "to d", "to missing")
            for end in ("/", "")
        ],
    )

# Removing

scenario(
    "remove: what is full, open, or has somebody in it",
    step("mkdir", "d"),
    [step("rmdir", path) for path in ("d/.", "d/..", "..", ".", "")],
    [one for kind in TYPES for one in (make(kind, "d/n"), step("rmdir", "d"), step(
        "rmdir" if kind == "directory" else "unlink", "d/n"))],
    step("put", "d/f", b"open"),
    step("hold", "f", "d/f", os.O_RDWR),
    step("unlink", "d/f"),
    step("listdir", "d"),
    step("rmdir", "d"),
    step("fread", "f", 10, 0),
    step("mkdir", "d"),
    step("put", "d/f", b"new"),
    step("fread", "f", 10, 0),
    step("drop", "f"),
    step("get", "d/f"),
)  # fmt: skip
scenario(
    "links: targets as they are",
    [
        one
        for number, target in enumerate(("x", "../x/./y//z", "/abs", "é\n", "t" * 1000, "t" * 4095))
        for one in (step("symlink", target, f"l{number}"), step("readlink", f"l{number}"))
    ],
    step("symlink", "t" * 4096, "long"),
    step("symlink", "", "empty"),
    step("readlink", "."),
)
# Extended attributes

for kind in TYPES:
    scenario(
        f"xattr: of a {kind}",
        owned(kind, mode=0o644),
        step("listxattr", "n0"),
        step("getxattr", "n0", "user.a"),
        step("setxattr", "n0", "user.a", b"one"),
        step("setxattr", "n0", "user.b", b"\0\xff bytes"),
        step("setxattr", "n0", "user.empty", b""),
        step("listxattr", "n0"),
        step("getxattr", "n0", "user.a"),
        step("getxattr", "n0", "user.b"),
        step("getxattr", "n0", "user.empty"),
        step("setxattr", "n0", "user.a", b"x", os.XATTR_CREATE),
        step("setxattr", "n0", "user.c", b"x", os.XATTR_REPLACE),
        step("setxattr", "n0", "user.a", b"two", os.XATTR_REPLACE),
        step("setxattr", "n0", "user.c", b"x", os.XATTR_CREATE),
        step("setxattr", "n0", "user.d", b"x", user=OTHER),
        step("setxattr", "n0", "user.d", b"x", user=OWNER),
        step("getxattr", "n0", "user.a", user=OTHER),
        step("removexattr", "n0", "user.a", user=OTHER),
        step("removexattr", "n0", "user.a"),
        step("removexattr", "n0", "user.a"),
        step("setxattr", "n0", "user.", b"x"),
        step("setxattr", "n0", "nonsense", b"x"),
        step("setxattr", "n0", "user." + "n" * 250, b"x"),
        step("setxattr", "n0", "user." + "n" * 251, b"x"),
        step("setxattr", "n0", "user.big", b"x" * 70_000),
        step("rename", "n0", "n1"),
        step("listxattr", "n1"),
        step("getxattr", "n1", "user.b"),
    )
