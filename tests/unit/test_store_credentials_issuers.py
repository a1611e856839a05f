"""Credentials that a command, a metadata service or STS issues."""

import base64
import hmac
import json
import shlex
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import InvalidCredentials, InvalidOption, TimedOut, Transient, Unreachable
from ossfs.store.credentials import (
    CredentialChoice,
    Credentials,
    Secret,
    found_credentials,
)
from ossfs.store.credentials.asking import Told
from ossfs.store.credentials.process import ProcessCredentials
from ossfs.store.credentials.sts import AssumeRole, Role, signature

END = "2026-01-01T01:00:00Z"
END_NS = 1_767_229_200_000_000_000
ROLE = "acs:ram::123:role/reader"


class Service:
    """An HTTP server whose answers a test gives: (method, path) → (status, text)."""

    def __init__(self):
        self.answers = {}
        self.seen = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                service.seen.append((self.command, self.path, dict(self.headers), body.decode()))
                status, text = service.answers.get((self.command, self.path), (404, "none"))
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = answer  # noqa: N815  # the names that are looked for

            def log_message(self, *words):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service():
    made = Service()
    yield made
    made.close()


def look(tmp_path, environment=None, **choice):
    """Return the provider for a bucket of OSS."""
    return found_credentials(
        "mine",
        environment=environment or {},
        home=tmp_path,
        choice=CredentialChoice(**choice),
        clock=FakeClock(),
    )


def as_json(**more):
    return json.dumps(
        {"AccessKeyId": "i", "AccessKeySecret": "s", "SecurityToken": "t", "Expiration": END} | more
    )


# A command


def printing(program):
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (as_json(), Credentials("i", "s", "t", END_NS)),
        ('{"AccessKeyId": "i", "AccessKeySecret": "s"}', Credentials("i", "s")),
        (
            """{"Version": 1, "AccessKeyId": "i", "SecretAccessKey": "s",
            "SessionToken": "t", "Expiration": "2026-01-01T02:00:00+01:00"}""",
            Credentials("i", "s", "t", END_NS),
        ),
    ],
)
def test_a_command_prints_them(tmp_path, text, expected):
    """In the words of Alibaba Cloud or of AWS; the command is run without a shell."""
    provider = look(tmp_path, process=printing(f"print({text!r})"))

    assert expected == provider.get()


@pytest.mark.parametrize(
    ("program", "error", "complaint"),
    [
        ("print('xyzzy')", InvalidCredentials, "did not answer with credentials in JSON"),
        ("print('[\"xyzzy\"]')", InvalidCredentials, "did not answer with credentials in JSON"),
        ('print(\'{"AccessKeyId": "xyzzy"}\')', InvalidCredentials, "gave no AccessKeyId and"),
        (
            'print(\'{"AccessKeyId": "a", "AccessKeySecret": "xyzzy", "Expiration": "?"}\')',
            InvalidCredentials,
            "an Expiration that is no time",
        ),
        (
            "import sys; print('xyzzy'); print('a\\nlog in first', file=sys.stderr); sys.exit(3)",
            InvalidCredentials,
            "ended with 3: log in first",
        ),
    ],
)
def test_a_command_that_prints_none(tmp_path, program, error, complaint):
    """The message says what is wrong and shows nothing of what was printed."""
    with pytest.raises(error, match=complaint) as caught:
        look(tmp_path, process=printing(program)).get()

    assert "xyzzy" not in str(caught.value)


@pytest.mark.parametrize("command", ["/no/such/command", "'", " "])
def test_a_command_that_cannot_be_run(tmp_path, command):
    """The option is named."""
    with pytest.raises(InvalidOption, match="--credential-process"):
        look(tmp_path, process=command).get()


def test_a_command_that_does_not_end():
    """It is ended."""
    with pytest.raises(TimedOut, match="did not print credentials"):
        ProcessCredentials(printing("import time; time.sleep(60)"), timeout_s=0.2).get()


# The metadata service

ROLES = "/latest/meta-data/ram/security-credentials/"
TOKEN = ("PUT", "/latest/api/token")


def test_the_hardened_mode_comes_first(tmp_path, service):
    """A token is fetched, and sent with each question; the role's name is asked for."""
    service.answers = {
        TOKEN: (200, "metadata-token"),
        ("GET", ROLES): (200, "reader"),
        ("GET", f"{ROLES}reader"): (200, as_json(Code="Success")),
    }
    provider = look(tmp_path, ram_role=f"{service.url}{ROLES}")

    assert Credentials("i", "s", "t", END_NS) == provider.get()

    assert [TOKEN, ("GET", ROLES), ("GET", f"{ROLES}reader")] == [one[:2] for one in service.seen]
    assert service.seen[0][2]["x-aliyun-ecs-metadata-token-ttl-seconds"].isdigit()
    assert ["metadata-token"] * 2 == [
        one[2]["x-aliyun-ecs-metadata-token"] for one in service.seen[1:]
    ]


def test_a_service_without_the_hardened_mode(tmp_path, service):
    """It is asked plainly, unless that is ruled out; a name that is given is not asked for."""
    service.answers = {("GET", f"{ROLES}reader"): (200, as_json())}
    url = f"{service.url}{ROLES}reader"

    assert "i" == look(tmp_path, ram_role=url).get().key_id
    assert [TOKEN, ("GET", f"{ROLES}reader")] == [one[:2] for one in service.seen]

    with pytest.raises(InvalidCredentials, match="answered 404 when asked for its token"):
        look(tmp_path, {"ALIBABA_CLOUD_IMDSV1_DISABLED": "true"}, ram_role=url).get()


def test_a_server_without_a_role(tmp_path, service):
    """It is said so, for any role and for the one that was named."""
    service.answers = {TOKEN: (200, "metadata-token")}

    with pytest.raises(InvalidCredentials, match="does not have a RAM role"):
        look(tmp_path, ram_role=f"{service.url}{ROLES}").get()
    with pytest.raises(InvalidCredentials, match="does not have the RAM role writer"):
        look(tmp_path, ram_role=f"{service.url}{ROLES}writer").get()


def test_a_metadata_service_in_trouble(tmp_path, service):
    """That passes: it is tried again."""
    service.answers = {TOKEN: (503, "")}

    with pytest.raises(Unreachable, match="503"):
        look(tmp_path, ram_role=f"{service.url}{ROLES}").get()


def test_no_metadata_service(tmp_path, service):
    """Nobody answers there, which may pass, too."""
    url = service.url
    service.close()
    service._server.server_close()

    with pytest.raises(Transient):
        look(tmp_path, ram_role=f"{url}{ROLES}x").get()


def test_the_environment_asks_for_the_metadata_service(tmp_path, service):
    """The service is not asked unless the environment names the role."""
    with pytest.raises(InvalidOption, match="no credentials"):
        look(tmp_path)
    with pytest.raises(InvalidOption, match="no credentials"):
        look(
            tmp_path,
            {
                "ALIBABA_CLOUD_ECS_METADATA": "reader",
                "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            },
        )
    service.answers = {("GET", f"{ROLES}reader"): (200, as_json())}
    environment = {"ALIBABA_CLOUD_ECS_METADATA": f"{service.url}{ROLES}reader"}

    assert "i" == look(tmp_path, environment).get().key_id


# STS


def test_the_signature_of_the_documentation():
    """The example of "Request syntax and signature method" for RPC-style calls."""
    query = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }

    assert "OLeaidS1JvxuMvnyHOwuJ+uX5qY=" == signature("GET", query, "testsecret")


def test_a_role_is_assumed(tmp_path, service):
    """With what the environment holds, in a request that its signature fits to."""
    service.answers = {("POST", "/"): (200, json.dumps({"Credentials": json.loads(as_json())}))}
    environment = {
        "OSS_ACCESS_KEY_ID": "base",
        "OSS_ACCESS_KEY_SECRET": "base-secret",
        "OSS_SESSION_TOKEN": "base-token+/=",
    }
    provider = look(
        tmp_path, environment, role_arn=ROLE, sts_endpoint=service.url, external_id="ext é"
    )

    assert Credentials("i", "s", "t", END_NS) == provider.get()

    sent = dict(parse_qsl(service.seen[0][3]))
    signed = sent.pop("Signature")
    canonical = "&".join(f"{quote(n, safe='~')}={quote(sent[n], safe='~')}" for n in sorted(sent))
    text = f"POST&%2F&{quote(canonical, safe='~')}"
    mac = hmac.digest(b"base-secret&", text.encode(), "sha1")
    assert base64.b64encode(mac).decode() == signed
    del sent["SignatureNonce"]
    assert {
        "Action": "AssumeRole",
        "Version": "2015-04-01",
        "Format": "JSON",
        "Timestamp": "2026-01-01T00:00:00Z",
        "RoleArn": ROLE,
        "RoleSessionName": "ossfs",
        "DurationSeconds": "3600",
        "ExternalId": "ext é",
        "AccessKeyId": "base",
        "SecurityToken": "base-token+/=",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
    } == sent


def test_a_role_is_assumed_with_a_key_that_was_replaced(tmp_path):
    """When STS refuses the key of a file, the file is read again; once, if it says the same."""
    file = tmp_path / "passwd"
    file.write_text("old:s\n")
    file.chmod(0o600)
    asked = []

    def ask(_method, _url, *, body, **_):
        asked.append(dict(parse_qsl(body.decode()))["AccessKeyId"])
        if asked[-1] == "old":
            return Told(404, Secret('{"Code": "InvalidAccessKeyId.NotFound"}'))
        return Told(200, Secret(json.dumps({"Credentials": json.loads(as_json())})))

    base = look(tmp_path, file=file)
    source = AssumeRole(ask, Role(ROLE), base, FakeClock())
    with pytest.raises(InvalidCredentials, match=r"404 InvalidAccessKeyId\.NotFound"):
        source.get()
    assert ["old"] == asked

    base = look(tmp_path, file=file)
    base.get()
    file.write_text("new:s\n")
    assert "i" == AssumeRole(ask, Role(ROLE), base, FakeClock()).get().key_id
    assert ["old", "old", "new"] == asked


def test_a_cluster_gives_a_token(tmp_path, service):
    """It is read anew for each question, for the cluster replaces it; nothing is signed."""
    service.answers = {("POST", "/"): (200, json.dumps({"Credentials": json.loads(as_json())}))}
    file = tmp_path / "token"
    environment = {
        "ALIBABA_CLOUD_ROLE_ARN": ROLE,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::123:oidc-provider/ack",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(file),
        "ALIBABA_CLOUD_ROLE_SESSION_NAME": "pod",
    }
    provider = look(tmp_path, environment, sts_endpoint=service.url)
    with pytest.raises(InvalidOption, match=r"cannot read the OIDC token .*No such file"):
        provider.get()
    provider = look(tmp_path, environment, sts_endpoint=service.url)
    file.write_text("first\n")
    old = provider.get()
    file.write_text("second\n")
    assert not provider.invalidate(old)  # STS gave the same ones

    sent = [dict(parse_qsl(one[3])) for one in service.seen]
    assert ["first", "second"] == [one["OIDCToken"] for one in sent]
    assert ("AssumeRoleWithOIDC", "pod") == (sent[0]["Action"], sent[0]["RoleSessionName"])
    assert not {"Signature", "AccessKeyId"} & sent[0].keys()


@pytest.mark.parametrize(
    ("status", "error"), [(403, InvalidCredentials), (400, InvalidCredentials), (500, Transient)]
)
def test_sts_refuses(tmp_path, service, status, error):
    """Its code is shown; its message, which repeats what was sent, is not."""
    text = json.dumps({"Code": "NoPermission", "Message": "xyzzy"})
    service.answers = {("POST", "/"): (status, text)}
    environment = {"OSS_ACCESS_KEY_ID": "i", "OSS_ACCESS_KEY_SECRET": "s"}

    with pytest.raises(error, match=f"{status} NoPermission") as caught:
        look(tmp_path, environment, role_arn=ROLE, sts_endpoint=service.url).get()

    assert "xyzzy" not in str(caught.value)
