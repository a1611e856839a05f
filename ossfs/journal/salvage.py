"""
What a journal that cannot be relied upon still tells.

Threads: pure functions of the file.
"""

import contextlib
import sqlite3
from pathlib import Path


def keys_of_staging(path: Path) -> dict[str, str]:
    """
    Return the keys that staging files belong to, by their names, as far as they can be read.

    For a person, who may recognise them; nothing is to be done by what this says.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(database), contextlib.suppress(sqlite3.Error):
            rows = database.execute(
                "SELECT staging, key FROM files NOT INDEXED WHERE staging IS NOT NULL"
            )
            # Row by row: those before the first damaged page are had.
            found.update(row for row in rows if all(isinstance(value, str) for value in row))
    return found
