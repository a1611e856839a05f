"""
The server's operations, put together, without any HTTP.

Dialects translate requests into calls of these.
"""

from dataclasses import dataclass
from pathlib import Path

from ossfs.clock import Clock
from ossfs.emulator.buckets import Buckets
from ossfs.emulator.multipart import Multipart
from ossfs.emulator.objects import Objects
from ossfs.emulator.settings import Settings
from ossfs.emulator.storage import Storage

OWNER = "1000000000000001"
"""The one account's id, which all access keys belong to."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a dialect needs."""

    settings: Settings
    clock: Clock
    storage: Storage
    buckets: Buckets
    objects: Objects
    multipart: Multipart


def open_service(directory: Path, settings: Settings, clock: Clock) -> Service:
    """Return the service over a directory, which is made when it is not there."""
    storage = Storage(directory, clock=clock, limits=settings.limits)
    objects = Objects(storage, restore_s=settings.restore_s)
    return Service(settings, clock, storage, Buckets(storage), objects, Multipart(storage, objects))
