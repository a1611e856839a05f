"""
What was typed about how files are moved, and the run that it stands for.

Threads: values and functions.
"""

from dataclasses import dataclass, fields
from typing import Any

from ossfs.cli.transfers.ends import Buckets
from ossfs.cli.transfers.flags import headers_of, limiter_of
from ossfs.cli.transfers.running import Run
from ossfs.cli.transfers.showing import View
from ossfs.cli.transfers.tasks import How


@dataclass(frozen=True, slots=True)
class Moving:
    """The options `flags.MOVING`, by their names."""

    jobs: int
    threads: int
    part_size: int
    limit_rate: int | None
    resume: bool
    checksum: bool
    headers: tuple[str, ...]

    @classmethod
    def taken(cls, flags: dict[str, Any]) -> "Moving":
        """Take them out of all options; what is left is about the store."""
        return cls(**{one.name: flags.pop(one.name) for one in fields(cls)})

    @property
    def connections(self) -> int:
        """How many requests there may be at a time."""
        return self.jobs * self.threads

    def run(self, buckets: Buckets, view: View, **more: Any) -> Run:
        """Return the run; `more` of what holds for all its tasks (`How`). InvalidOption."""
        how = How(
            threads=self.threads,
            part_size=self.part_size,
            is_resumed=self.resume,
            headers=headers_of(self.headers),
            **more,
        )
        return Run(how, self.jobs, view, limiter_of(self.limit_rate), config=buckets.config)
