"""Failures on demand: each does what it says, to the requests it names, and no others."""

import http.client
import threading

import pytest

CONTENT = b"0123456789" * 100
LARGE = bytes(range(256)) * 4096  # 1 MiB: sent from a file
BROKEN = (ConnectionError, http.client.HTTPException)


def broken(wire, *request, **more):
    """Send a request whose connection must break."""
    with pytest.raises(BROKEN):
        wire(*request, **more)
    wire.connection.close()


def test_an_error_is_answered_and_nothing_applied(server, wire):
    """Status, code and headers are the rule's."""
    server.add_fault("error", operation="PutObject", status=503, code="TotalQpsLimitExceeded",
                     headers={"x-oss-qos-delay-time": "40"}, count=1)  # fmt: skip

    put = wire("PUT", "k", body=CONTENT)

    assert (503, "40") == (put.status, put.headers["x-oss-qos-delay-time"])
    assert b"<Code>TotalQpsLimitExceeded</Code>" in put.body
    assert 404 == wire("HEAD", "k").status
    assert 200 == wire("PUT", "k", body=CONTENT).status


def test_an_error_after_the_fact(server, wire):
    """The request is applied; its answer is an error."""
    server.add_fault("error_after", status=203, code="CallbackFailed", count=1)

    assert 203 == wire("PUT", "k", body=CONTENT).status
    assert CONTENT == wire("GET", "k").body


def test_a_dropped_request_is_not_applied(server, wire):
    """drop_before: no answer, no object."""
    server.add_fault("drop_before", operation="PutObject")

    broken(wire, "PUT", "k", body=CONTENT)

    server.clear_faults()
    assert 404 == wire("GET", "k").status


def test_a_dropped_answer_belongs_to_an_applied_request(server, wire):
    """drop_after: no answer, but the object is there."""
    server.add_fault("drop_after", operation="PutObject")

    broken(wire, "PUT", "k", body=CONTENT)

    assert CONTENT == wire("GET", "k").body


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_a_truncated_answer_ends_early(server, wire, content):
    """The announced length does not come."""
    wire("PUT", "k", body=content)
    server.add_fault("truncate", operation="GetObject", bytes=10)

    with pytest.raises(http.client.IncompleteRead) as caught:
        wire("GET", "k")

    wire.connection.close()
    assert content[:10] == caught.value.partial


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_a_corrupt_answer_differs_in_one_byte(server, wire, content):
    """Length and CRC header are right, one byte is not."""
    wire("PUT", "k", body=content)
    server.add_fault("corrupt", operation="GetObject", bytes=700, count=1)

    got = wire("GET", "k")

    different = [n for n, (a, b) in enumerate(zip(content, got.body, strict=True)) if a != b]
    assert [700] == different
    assert content == wire("GET", "k").body


def test_corruption_anywhere(server, wire):
    """Each body has one wrong bit, and not always in the same place."""
    wire("PUT", "k", body=CONTENT)
    server.add_fault("corrupt", operation="GetObject", anywhere=True)

    places = {
        n
        for body in (wire("GET", "k").body for _ in range(20))
        for n, (a, b) in enumerate(zip(CONTENT, body, strict=True))
        if a != b
    }

    assert 10 < len(places) <= 20


def test_a_corrupt_upload_is_stored_with_its_own_sums(server, wire):
    """The byte changes on the way in: only the CRC tells."""
    right = wire("PUT", "right", body=CONTENT)
    server.add_fault("corrupt", operation="PutObject", count=1)

    put = wire("PUT", "k", body=CONTENT)

    assert 200 == put.status
    assert right.headers["x-oss-hash-crc64ecma"] != put.headers["x-oss-hash-crc64ecma"]
    assert b"1" + CONTENT[1:] == wire("GET", "k").body


def test_a_stalled_request_ends_without_an_answer(server, wire):
    """Nothing comes for a while, then the connection ends."""
    server.add_fault("stall", operation="GetObject", seconds=0.01)

    broken(wire, "GET", "k")


def test_rules_choose_their_requests(server, wire):
    """Operation and key patterns, skip and count."""
    server.add_fault("error", operation="Put*", key="dir/*", skip=1, count=2)

    keys = ["a", "dir/1", "dir/2", "b", "dir/3", "dir/4"]
    statuses = [wire("PUT", key, body=b"").status for key in keys]

    assert [200, 200, 500, 200, 500, 200] == statuses
    assert [2] == [rule["hits"] for rule in server.faults()]


def test_probability_is_repeatable_chance(server, wire):
    """Half of many requests, roughly."""
    server.add_fault("error", operation="HeadObject", probability=0.5)

    failed = sum(wire("HEAD", "k").status == 500 for _ in range(60))

    assert 10 < failed < 50


def test_a_delay_holds_up_nobody_else(server, wire, wire_to):
    """While one request waits, others are answered."""
    server.add_fault("delay", operation="GetObject", key="slow", seconds=3600)
    waiting = wire_to(server, wire.bucket)
    thread = threading.Thread(target=broken, args=(waiting, "GET", "slow"))
    thread.start()
    while not any(rule["hits"] for rule in server.faults()):
        pass

    assert 404 == wire("GET", "k").status

    waiting.connection.sock.shutdown(2)
    thread.join()


@pytest.mark.parametrize("rule", [{"action": "explode"}, {"action": "error", "what": 1}])
def test_malformed_rules_are_refused(server, rule):
    """A typing mistake in a test must not go unnoticed."""
    with pytest.raises(ValueError, match="no"):
        server.add_fault(**rule)


def test_counters(server, wire):
    """Requests, bytes and errors are counted by operation."""
    wire("PUT", "k", body=CONTENT)
    wire("GET", "k")
    wire("GET", "k", headers={"Range": "bytes=0-99"})
    wire("HEAD", "k")
    wire("GET", "nothing")

    stats = server.stats()

    operations = stats["operations"]
    assert {"requests": 1, "bytes_in": 1000, "bytes_out": 0, "errors": {}} == operations[
        "PutObject"
    ]
    assert 3 == operations["GetObject"]["requests"] == server.requests("GetObject")
    assert {"NoSuchKey": 1} == operations["GetObject"]["errors"]
    assert (5, 1000) == (stats["requests"], stats["bytes_in"])
    server.reset_stats()
    assert 0 == server.requests()


def test_the_admin_endpoint_is_absent_unless_enabled(tmp_path, wire_to):
    """Without --admin the path is a bucket's name, and no legal one."""
    from ossfs.emulator.process import EmulatorProcess  # noqa: PLC0415  # only here

    with EmulatorProcess(tmp_path, admin=False) as server:
        assert 400 == wire_to(server, "x").raw("GET", "/_ossfs/stats").status
