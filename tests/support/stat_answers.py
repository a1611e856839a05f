"""What operations answer to getattr, for file systems that tests make up."""

NAMES = (
    *("st_ino", "st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev"),
    *("st_size", "st_blocks", "st_blksize", "st_atime", "st_mtime", "st_ctime"),
)


def stat_answer(mode, size=0):
    """Return all attributes of something with one link; the others are zero."""
    return dict.fromkeys(NAMES, 0) | {"st_mode": mode, "st_size": size, "st_nlink": 1}
