"""What is stored beside an object, read without any code of ours."""

import base64
import json
from urllib.parse import unquote

NS = 10**9


def parsed(metadata):
    """Read what is stored beside an object, as s3fs and ossfs 1.x do: the fields it tells."""
    own = {"mode", "uid", "gid", "mtime", "ctime", "atime", "rdev", "xattr"}
    xattrs = json.loads(unquote(metadata["xattr"])) if "xattr" in metadata else {}
    return {
        "mode": int(metadata["mode"]) if "mode" in metadata else None,
        "uid": int(metadata["uid"]) if "uid" in metadata else None,
        "gid": int(metadata["gid"]) if "gid" in metadata else None,
        "mtimes": _time(metadata.get("mtime")),
        "atimes": _time(metadata.get("atime") or metadata.get("mtime")),
        "rdev": int(metadata.get("rdev", "0")),
        "xattrs": tuple(sorted((name, base64.b64decode(text)) for name, text in xattrs.items())),
        "foreign": tuple(sorted((name, one) for name, one in metadata.items() if name not in own)),
    }


def _time(text):
    if text is None:
        return None
    seconds, _, fraction = text.partition(".")
    return int(seconds) * NS + int(fraction.ljust(9, "0") if fraction else 0)
