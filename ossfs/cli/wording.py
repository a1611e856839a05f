"""Sizes, times and uploads in words, the same in every command."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

THOUSAND = 1000
# A draft is bytes that nobody promised to upload: nothing waits for it.
WAITED_FOR = frozenset({"waiting", "uploading", "failed", "conflict"})


def shown(name: str) -> str:
    """Write a name so that it is one line, and does nothing to a terminal."""
    return "".join(
        one if one.isprintable() or one == " " else one.encode("unicode_escape").decode()
        for one in name.encode(errors="replace").decode()
    )


def size_text(size: float) -> str:
    """Bytes as people say them: `1.5 GB`, powers of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < THOUSAND:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= THOUSAND
    return f"{size:.3g} TB"


def age_text(since_ns: int, now_ns: int | None = None) -> str:
    """How long ago: `42 s`, `7 min`, `5 h`, `3 days`."""
    seconds = max(0, ((now_ns or time.time_ns()) - since_ns) // 1_000_000_000)
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86_400} days"


def waited_for(uploads: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those that were promised to be in the bucket at some time."""
    return [one for one in uploads if one["state"] in WAITED_FOR]


def left_text(uploads: Sequence[Mapping[str, Any]]) -> str:
    """Say how much is still to be sent: `2 files, 310 MB`."""
    size = sum(max(0, one["size"] - one["sent"]) for one in uploads)
    return f"{len(uploads)} file{'' if len(uploads) == 1 else 's'}, {size_text(size)}"


def upload_lines(uploads: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per upload: id, state, progress, age, key, and the error if there is one."""
    lines = []
    for one in uploads:
        lines.append(
            f"{one['id']:>4}  {state_text(one):<9}  {size_text(one['size']):>9}"
            f"  {progress_text(one):>13}  {age_text(one['since_ns']):>7}  {one['key']}"
        )
        if one["error"]:
            lines.append(f"      {one['error']}")
    return lines


def state_text(one: Mapping[str, Any]) -> str:
    """Say `open` of a file that waits for its writer."""
    return "open" if one["is_open"] and one["state"] == "waiting" else str(one["state"])


def progress_text(one: Mapping[str, Any]) -> str:
    """Parts done, or how much of it: `3/12 parts`, `42 %`; nothing when nothing is sent."""
    if one["parts_total"] > 1:
        return f"{one['parts_done']}/{one['parts_total']} parts"
    if one["sent"] and one["size"]:
        return f"{100 * one['sent'] // one['size']} %"
    return ""


_WAYS = {
    "open": "goes to the bucket when it is closed",
    "draft": "was never closed; `ossfs uploads resume ID` uploads a new file as it is,"
    " `export ID FILE` saves it elsewhere, `discard ID` deletes it",
    "conflict": "theirs stays in the bucket; `ossfs uploads export ID FILE` saves yours,"
    " `discard ID` deletes it",
    "lost": "`ossfs uploads export ID FILE` saves what is left, `discard ID` deletes it",
}


def way_on(state: str, url: str, *, is_mounted: bool) -> str:
    """Say how to go on with a file in this state."""
    if state in _WAYS:
        return _WAYS[state]
    if not is_mounted:
        return f"goes on when {url} is mounted, or now with `ossfs uploads resume ID`"
    if state == "failed":
        return (
            "is tried again by itself, or now with `ossfs uploads resume ID`;"
            " `discard ID` gives it up"
        )
    return "goes to the bucket by itself; `ossfs uploads watch` shows how far it is"
