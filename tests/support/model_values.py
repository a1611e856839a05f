"""What the calls of the state machine are made with: few names and values, so that they meet."""

import os
import stat

from hypothesis import strategies as st
from reference_state import NS

NAMES = ("a", "b")
PATHS = [*NAMES]
PATHS += [f"{one}/{two}" for one in NAMES for two in NAMES]
PATHS += [f"{one}/{two}" for one in PATHS[2:] for two in NAMES]
numbers = st.integers(0, 19)
offsets = st.sampled_from([0, 1, 500, 999, 1000, 1001, 2500])
sizes = st.sampled_from([1, 300, 1000, 1100, 2600])
modes = st.sampled_from([0o600, 0o644, 0o755, 0o4711, 0o2775, 0o1777])
ids = st.sampled_from([-1, 0, 5, 65534])
times = st.sampled_from([None, 10**18 + 7, 4 * 10**18, NS, 1_700_000_000 * NS])
xattrs = st.sampled_from(["user.a", "user.b"])
FLAGS = (
    os.O_RDONLY,
    os.O_RDWR,
    os.O_WRONLY | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
)
MOST_HANDLES = 5
KINDS = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFBLK)

SPECIAL = st.one_of(
    st.tuples(st.just("symlink"), st.sampled_from(["a", "../b", "/nowhere/\u00fc"])),
    st.tuples(st.just("readlink")),
    st.tuples(
        st.just("mknod"), st.builds(int.__or__, st.sampled_from(KINDS), modes), st.just(2051)
    ),
)
CHANGES = st.one_of(
    st.tuples(st.just("chmod"), modes),
    st.tuples(st.just("chown"), ids, ids),
    st.tuples(st.just("utimens"), times, times),
    st.tuples(
        st.just("setxattr"),
        xattrs,
        st.sampled_from([b"", b"one", bytes(range(256))]),
        st.sampled_from([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE]),
    ),
    st.tuples(st.just("removexattr"), xattrs),
)
