"""
What a write demands of the object it replaces.

Each function here looks at once, so that no large body is read for nothing, and returns
the look at the commit, inside its transaction.
"""

from ossfs.emulator.calls.headers import flag
from ossfs.emulator.exchange import Call
from ossfs.emulator.objects import Guard, Row, absent, anything
from ossfs.emulator.refusals import Refused, invalid
from ossfs.emulator.service import Service

_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")


def none_but_forbid(service: Service, call: Call) -> Guard:
    """OSS: forbid-overwrite; conditional headers are refused (NotImplemented) on writes."""
    for name in _CONDITIONS:
        if name in call.headers:
            raise Refused(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented.",
                Header=name,
                EC="0017-00000245",
            )
    return forbid(service, call)


def forbid(service: Service, call: Call) -> Guard:
    """Return the check that forbid-overwrite asks for."""
    if not flag(call, "forbid-overwrite"):
        return anything
    absent(service.objects.find(call.bucket, call.key))
    return absent


def forbid_or_match(service: Service, call: Call) -> Guard:
    """TOS: forbid-overwrite, and a version to replace in a header of its own."""
    wanted = call.own("if-match")
    return forbid(service, call) if wanted is None else _matching(service, call, wanted)


def conditional(service: Service, call: Call) -> Guard:
    """S3: If-None-Match: *, and If-Match."""
    only_new, wanted = call.headers.get("If-None-Match"), call.headers.get("If-Match")
    if only_new is not None and only_new.strip() != "*":
        raise Refused(
            "NotImplemented",
            "A header you provided implies functionality that is not implemented.",
            Header="If-None-Match",
        )
    if only_new is not None and wanted is not None:
        raise invalid("If-Match", wanted, "If-Match and If-None-Match exclude each other.")
    if only_new is not None:
        _new_only(service.objects.find(call.bucket, call.key))
        return _new_only
    return anything if wanted is None else _matching(service, call, wanted)


def _new_only(row: Row | None) -> None:
    if row is not None:
        raise Refused("PreconditionFailed", Condition="If-None-Match")


def _matching(service: Service, call: Call, wanted: str) -> Guard:
    etag = wanted.strip().strip('"').upper()

    def check(row: Row | None) -> None:
        if row is None:  # it was there when the request began
            raise Refused("ConditionalRequestConflict")
        if etag != row.etag.upper():
            raise Refused("PreconditionFailed", Condition="If-Match")

    there = service.objects.find(call.bucket, call.key)
    if there is None:
        raise Refused("NoSuchKey", Key=call.key)
    check(there)
    return check
