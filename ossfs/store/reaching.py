"""
Making a connection that can be given up while it is made.

A host that drops packets, or takes a connection and says nothing, is waited for as long as
the time-out lasts. Who serves an interrupt (`ossfs.store.interrupts`) tells it of the socket
before that, as a duplicate: TLS takes the original over, and both are of one connection.

Threads: functions.
"""

import socket
from collections.abc import Iterable
from typing import Any

from ossfs.store import interrupts


def reached(
    host: str,
    port: int,
    *,
    timeout_s: Any,
    source: tuple[str, int] | None,
    options: Iterable[tuple[Any, ...]],
) -> tuple[socket.socket, socket.socket | None]:
    """
    Return a connection to one of the addresses of `host`, and what may interrupt it.

    The second one, if there is one, is to be closed when the connection can be used.
    OSError of the address that was tried last; what the interrupt raises.
    """
    failure: OSError | None = None
    kind = socket.SOCK_STREAM
    for family, _, protocol, _, address in socket.getaddrinfo(host.strip("[]"), port, type=kind):
        made = socket.socket(family, kind, protocol)
        handle = None
        try:
            for option in options:
                made.setsockopt(*option)
            made.settimeout(timeout_s)
            if source:
                made.bind(source)
            handle = _told(made)
            made.connect(address)
        except OSError as error:
            failure = error
            _close(made, handle)
        except BaseException:
            _close(made, handle)
            raise
        else:
            return made, handle
    raise failure or OSError("the host has no address")


def _told(made: socket.socket) -> socket.socket | None:
    """Tell who may interrupt this thread; None: nobody may."""
    if not interrupts.is_serving():
        return None
    handle = made.dup()
    try:
        interrupts.on(handle)
    except BaseException:
        handle.close()
        raise
    return handle


def _close(*sockets: socket.socket | None) -> None:
    for one in sockets:
        if one is not None:
            one.close()
