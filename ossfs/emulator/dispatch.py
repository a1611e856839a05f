"""
Which operation a request is, by method, level and the sub-resources in its query.

The names are those of the OSS API reference, in every dialect; counters and injected
faults go by them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ossfs.emulator.exchange import Answer, Call
from ossfs.emulator.refusals import Refused
from ossfs.emulator.service import Service

READ, WRITE, LIST, OWNER_ONLY = "read", "write", "list", "owner"
COPY_SOURCE = "copy-source"
"""Stands for the header of that name, with the dialect's prefix, in rules."""


class Operation(NamedTuple):
    """One operation: its name, its handler, and what an unsigned caller needs."""

    name: str
    handler: Callable[[Service, Call], Awaitable[Answer]]
    access: str = OWNER_ONLY


Rules = Mapping[str, list[tuple[tuple[str, ...], Operation]]]
"""Method → (sub-resources that must all be there, operation), first match wins."""


@dataclass(frozen=True, slots=True)
class Table:
    """The operations of a dialect."""

    object: Rules
    bucket: Rules
    service: Rules
    absent: frozenset[str]
    """Sub-resources that are not here; without it, `PUT /?lifecycle` would make a bucket."""
    not_configured: Mapping[str, str] = field(default_factory=dict)
    """What a bucket never has: sub-resource → the code that says so."""

    def operation_of(self, call: Call) -> Operation:
        """Return the operation; Refused (MethodNotAllowed, NotImplemented) if there is none."""
        levels = self.object if call.key else self.bucket if call.bucket else self.service
        names = set(call.query)
        if call.own(COPY_SOURCE) is not None:
            names.add(COPY_SOURCE)
        absent = names & self.absent
        for wanted, operation in levels.get(call.method, ()):
            if names.issuperset(wanted) and (wanted or not absent):
                return operation
        if not absent:
            raise Refused("MethodNotAllowed", Method=call.method, ResourceType="Object")
        name = min(absent)
        if call.method == "GET" and name in self.not_configured:
            return Operation("GetBucketConfiguration", self._not_configured)
        raise Refused("NotImplemented", f"{name} is not implemented by this server.", Header=name)

    async def _not_configured(self, service: Service, call: Call) -> Answer:
        service.buckets.get(call.bucket)
        codes = self.not_configured
        raise Refused(next(code for name, code in codes.items() if name in call.query))


def check_access(service: Service, call: Call, operation: Operation) -> None:
    """Raise Refused (AccessDenied) when an unsigned call needs more than the ACLs give."""
    if not call.anonymous:
        return
    acl = "private"
    if call.bucket and operation.access != OWNER_ONLY:
        acl = service.buckets.get(call.bucket).acl
        row = service.objects.find(call.bucket, call.key) if call.key else None
        if row is not None and row.acl != "default" and operation.access == READ:
            acl = row.acl
    needed = (
        ("public-read-write",)
        if operation.access == WRITE
        else ("public-read", "public-read-write")
    )
    if acl not in needed:
        raise Refused("AccessDenied", EC="0003-00000001", BucketName=call.bucket)
