"""What a request is sent again for at once: a wrong clock, and credentials that have ended."""

import pytest

from ossfs import errors
from ossfs.clock import FakeClock
from ossfs.store.addressing import parse_endpoint
from ossfs.store.bucket import Bucket
from ossfs.store.credentials import Credentials
from ossfs.store.dialects.s3 import s3_dialect

NOW = "Thu, 01 Jan 2026 00:00:00 GMT"  # where the fake clock begins
LATER = "Thu, 01 Jan 2026 01:00:00 GMT"
OLD, NEW = Credentials("old", "secret"), Credentials("new", "secret")


class Answer:
    sent_crc64 = None

    def __init__(self, status, code="", date=NOW):
        self.status = status
        self.body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
        self.headers = {
            "content-length": "0",
            "date": date,
            "etag": '"ab"',
            "last-modified": NOW,
        }

    def read(self, limit):
        return self.body[:limit]

    def finish(self):
        pass

    def discard(self):
        pass


class Provider:
    """Credentials that can be renewed once."""

    def __init__(self, *, renewable=True):
        self.now = OLD
        self.heard = []
        self._renewable = renewable

    def get(self):
        return self.now

    def invalidate(self, credentials, *, is_certain=True):
        self.heard.append((credentials.key_id, is_certain))
        if self._renewable:
            self.now = NEW
        return self._renewable


class Scripted:
    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)

    def send(self, request):
        self.requests.append(request.headers["authorization"])
        return self._answers.pop(0)


def asked(*answers, provider=None):
    transport = Scripted(*answers)
    store = Bucket(
        transport=transport,
        dialect=s3_dialect(region="us-east-1"),
        credentials=provider or Provider(),
        endpoint=parse_endpoint("http://127.0.0.1:1"),
        name="bucket",
        clock=FakeClock(),
    )
    return store, transport.requests


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId"])
def test_refused_credentials_are_renewed_once(code):
    """The request goes out again with others; the caller sees nothing."""
    provider = Provider()
    store, sent = asked(Answer(400, code), Answer(204), provider=provider)

    store.delete("k")

    assert [("old", True)] == provider.heard
    assert ["old/2026", "new/2026"] == [one.partition("Credential=")[2][:8] for one in sent]


def test_credentials_that_cannot_be_renewed():
    """The store's refusal is what the caller gets, after one request."""
    store, sent = asked(Answer(400, "ExpiredToken"), provider=Provider(renewable=False))

    with pytest.raises(errors.CredentialsExpired):
        store.delete("k")

    assert 1 == len(sent)


def test_renewed_credentials_that_are_refused_as_well():
    """Once is enough."""
    store, sent = asked(Answer(400, "ExpiredToken"), Answer(400, "ExpiredToken"))

    with pytest.raises(errors.CredentialsExpired):
        store.delete("k")

    assert 2 == len(sent)


@pytest.mark.parametrize("status", [400, 403])
def test_a_head_that_is_refused_without_a_word(status):
    """It may be for the credentials; whoever renews them is told that this is not certain."""
    provider = Provider()
    store, sent = asked(Answer(status), Answer(200), provider=provider)

    assert "ab" == store.head("k").etag

    assert [("old", False)] == provider.heard
    assert 2 == len(sent)


def test_access_denied_is_no_matter_of_credentials():
    """The store knows them: nothing is renewed, nothing repeated."""
    provider = Provider()
    store, sent = asked(Answer(403, "AccessDenied"), provider=provider)

    with pytest.raises(errors.AccessDenied):
        store.delete("k")

    assert ([], 1) == (provider.heard, len(sent))


@pytest.mark.parametrize(
    "answer", [Answer(403, "RequestTimeTooSkewed", LATER), Answer(403, "", LATER)]
)
def test_a_wrong_clock_is_corrected(answer, expect_log):
    """By the Date of the refusal, said or not; later requests keep the correction."""
    expect_log("clock is 3600 seconds behind")
    provider = Provider()
    store, sent = asked(answer, Answer(200), Answer(200), provider=provider)

    store.head("k")
    store.head("k")

    assert [] == provider.heard
    signatures = [one.rpartition("Signature=")[2] for one in sent]
    assert signatures[0] != signatures[1] == signatures[2]
