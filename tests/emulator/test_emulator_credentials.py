"""Temporary keys: a token that is needed, an end, and new keys while the server runs."""

import warnings

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

with warnings.catch_warnings():
    # Both SDKs carry invalid escape sequences, reported when they are compiled.
    warnings.simplefilter("ignore")
    import oss2
    import tos

from ossfs.emulator.process import EmulatorProcess
from ossfs.emulator.settings import Secret

pytestmark = [
    # All three SDKs ask datetime for naive UTC times when they sign.
    pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning"),
    # Two of them leave answers unread, and their connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class Oss:
    def __init__(self, server, token):
        self.session = oss2.Session()
        auth = oss2.StsAuth(server.key_id, server.secret, token, auth_version="v4")
        self.bucket = oss2.Bucket(
            auth, server.endpoint, "bkt", session=self.session, region="cn-hangzhou"
        )
        self.close = self.session.session.close

    def put(self):
        try:
            self.bucket.put_object("k", b"x")
        except oss2.exceptions.ServerError as error:
            return error.status, error.code
        return 200, ""


class Tos:
    def __init__(self, server, token):
        self.client = tos.TosClientV2(
            server.key_id, server.secret, "http://tos-cn-hangzhou.volces.com", "cn-hangzhou",
            security_token=token or None, proxy_host=server.host, proxy_port=server.port,
            max_retry_count=0, dns_cache_time=0,
        )  # fmt: skip
        self.close = self.client.close

    def put(self):
        try:
            self.client.put_object("bkt", "k", content=b"x")
        except tos.exceptions.TosServerError as error:
            return error.status_code, error.code
        return 200, ""


class S3:
    def __init__(self, server, token):
        self.client = boto3.client(
            "s3", endpoint_url=server.endpoint, region_name="cn-hangzhou",
            aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
            aws_session_token=token or None, config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        self.close = self.client.close

    def put(self):
        try:
            self.client.put_object(Bucket="bkt", Key="k", Body=b"x")
        except ClientError as error:
            answer = error.response
            return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
        return 200, ""


EXPIRED = {Oss: (403, "SecurityTokenExpired"), Tos: (403, "ExpiredToken"),
           S3: (400, "ExpiredToken")}  # fmt: skip
WRONG = {Oss: (403, "InvalidSecurityToken"), Tos: (403, "InvalidSecurityToken"),
         S3: (400, "InvalidToken")}  # fmt: skip

each = pytest.mark.parametrize("kind", [Oss, Tos, S3])


@pytest.fixture
def temporary(tmp_path):
    """Start a server whose key is a temporary one."""
    keys = {"STS.id": Secret("secret", "token", 4_000_000_000.0)}
    with EmulatorProcess(tmp_path, credentials=keys, buckets=["bkt"]) as server:
        yield server


@pytest.fixture
def connect():
    made = []

    def make(kind, server, token=None):
        made.append(kind(server, server.token if token is None else token))
        return made[-1]

    yield make
    for client in made:
        client.close()


@each
def test_a_temporary_key_needs_its_token(kind, temporary, connect):
    """None, and another one, are refused in the dialect's words."""
    assert (200, "") == connect(kind, temporary).put()
    assert WRONG[kind] == connect(kind, temporary, "another").put()


@each
def test_a_temporary_key_ends(kind, temporary, connect):
    """From its time on it is refused, in the dialect's words."""
    client = connect(kind, temporary)
    ending = 1_000_000_000.0
    before = temporary.key_id, temporary.secret, temporary.token
    temporary.rotate_credentials(expires_s=ending)
    ended = connect(kind, temporary)

    assert EXPIRED[kind] == ended.put()
    assert EXPIRED[kind] == client.put()
    assert before != (temporary.key_id, temporary.secret, temporary.token)


@each
def test_rotated_keys_are_valid_and_survive_a_restart(kind, temporary, connect):
    """The new key works at once; the one before never again."""
    old = connect(kind, temporary)
    assert (200, "") == old.put()

    temporary.rotate_credentials()

    assert EXPIRED[kind] == old.put()
    assert (200, "") == connect(kind, temporary).put()
    temporary.restart()
    assert (200, "") == connect(kind, temporary).put()


def test_a_permanent_key_can_be_rotated_to(temporary, connect):
    """A key without a token and without an end."""
    temporary.rotate_credentials(token=False)

    assert "" == temporary.token
    assert (200, "") == connect(S3, temporary).put()
