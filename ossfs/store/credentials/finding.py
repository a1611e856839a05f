"""
Looking for credentials, in the order in which a user expects them.

What was chosen by an option counts, and must be there. Otherwise the first of these that
says something: the environment, a token of the cluster (OIDC), the files of this and other
tools, and the role of the cloud server, if the environment asks for it: nobody waits for a
metadata service that is not there. On top, a role may be assumed with what was found.

Threads: called once, while a mount is put together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ossfs.clock import Clock, SystemClock
from ossfs.errors import InvalidOption
from ossfs.store.credentials import files
from ossfs.store.credentials.asking import Ask, HttpAsk
from ossfs.store.credentials.environment import NAMES, from_environment
from ossfs.store.credentials.metadata import ADDRESS, RamRole
from ossfs.store.credentials.process import ProcessCredentials
from ossfs.store.credentials.refreshing import Refreshing
from ossfs.store.credentials.sts import ENDPOINT, SESSION, AssumeRole, AssumeRoleWithOidc, Role
from ossfs.store.credentials.values import (
    Credentials,
    CredentialsProvider,
    CredentialsSource,
    FixedCredentials,
)
from ossfs.store.transport import TransportOptions

ALIYUN_ROLE = "ALIBABA_CLOUD_ROLE_ARN"
OIDC_PROVIDER = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN"
OIDC_FILE = "ALIBABA_CLOUD_OIDC_TOKEN_FILE"
SESSION_NAME = "ALIBABA_CLOUD_ROLE_SESSION_NAME"
ECS_ROLE = "ALIBABA_CLOUD_ECS_METADATA"
ECS_DISABLED = "ALIBABA_CLOUD_ECS_METADATA_DISABLED"
PLAIN_MODE_DISABLED = "ALIBABA_CLOUD_IMDSV1_DISABLED"


@dataclass(frozen=True, slots=True)
class CredentialChoice:
    """What a user chose; all empty: look around. at most one of the first four."""

    file: Path | None = None
    """Lines of `bucket:id:secret`."""
    process: str | None = None
    """A command that prints JSON."""
    profile: str | None = None
    """A section of `~/.aws/credentials` or `~/.ossutilconfig`."""
    ram_role: str | None = None
    """`auto`, a role's name, or `http://HOST/latest/meta-data/ram/security-credentials/NAME`."""
    role_arn: str | None = None
    """A role to assume with what was found."""
    role_session: str | None = None
    external_id: str | None = None
    sts_endpoint: str | None = None


def found_credentials(
    bucket: str,
    *,
    environment: Mapping[str, str],
    home: Path,
    scheme: str = "oss",
    choice: CredentialChoice | None = None,
    network: TransportOptions | None = None,
    clock: Clock | None = None,
) -> CredentialsProvider:
    """
    Return the provider for `bucket`; `network` says how STS is reached.

    InvalidOption says what would help. Nothing is asked over the network yet.
    """
    search = _Search(
        bucket=bucket,
        scheme=scheme,
        environment=environment,
        home=home,
        choice=choice or CredentialChoice(),
        network=network or TransportOptions(),
        clock=clock or SystemClock(),
    )
    return search.result()


@dataclass(frozen=True, slots=True)
class _Search:
    bucket: str
    scheme: str
    environment: Mapping[str, str]
    home: Path
    choice: CredentialChoice
    network: TransportOptions
    clock: Clock

    def result(self) -> CredentialsProvider:
        provider = self._chosen() or next(self._around(), None)
        if provider is None:
            raise InvalidOption(self._advice())
        if not self.choice.role_arn:
            return provider
        self._only_aliyun("--role-arn")
        role = self._role(self.choice.role_arn)
        return self._renewed(AssumeRole(self._sts(), role, provider, self.clock))

    # What was chosen

    def _chosen(self) -> CredentialsProvider | None:
        choice = self.choice
        given = [
            name
            for name, value in (
                ("--credentials-file", choice.file),
                ("--credential-process", choice.process),
                ("--profile", choice.profile),
                ("--ram-role", choice.ram_role),
            )
            if value
        ]
        if len(given) > 1:
            raise InvalidOption(f"give one of {' and '.join(given)}")
        if choice.file:
            return self._file(choice.file, partial(files.read_passwd, choice.file, self.bucket))
        if choice.process:
            return self._renewed(ProcessCredentials(choice.process))
        if choice.ram_role:
            self._only_aliyun("--ram-role")
            return self._renewed(self._ram_role(choice.ram_role))
        if choice.profile:
            return self._profile(choice.profile)
        return None

    def _file(self, path: Path, read: Callable[[], Credentials | None]) -> CredentialsProvider:
        if read() is None:
            raise InvalidOption(f"{path} has no credentials for the bucket {self.bucket}")
        return self._renewed(files.FileCredentials(path, read))

    def _profile(self, profile: str) -> CredentialsProvider:
        found = next(self._profiles(profile), None)
        if found is None:
            where = {"oss": "~/.ossutilconfig", "s3": "~/.aws/credentials and ~/.aws/config"}
            tried = where.get(self.scheme)
            if tried is None:
                raise InvalidOption(f"--profile: {self.scheme}:// has no profiles")
            raise InvalidOption(f"--profile {profile}: no credentials of that name in {tried}")
        return found

    # What lies around

    def _around(self) -> Iterator[CredentialsProvider]:
        credentials = from_environment(self.environment, self.scheme)
        if credentials is not None:
            yield FixedCredentials(credentials)
        if self.scheme == "oss":
            yield from self._oidc()
            for path in (self.home / ".passwd-ossfs", Path("/etc/passwd-ossfs")):
                yield from self._readable(path, partial(files.read_passwd, path, self.bucket))
        profile = self.environment.get("AWS_PROFILE") if self.scheme == "s3" else None
        yield from self._profiles(profile or "default")
        if self.scheme == "oss":
            yield from self._ecs()

    def _profiles(self, profile: str) -> Iterator[CredentialsProvider]:
        if self.scheme == "oss":
            path = self.home / ".ossutilconfig"
            yield from self._readable(path, partial(files.read_ossutil, path, profile))
        if self.scheme == "s3":
            shared, config = (
                Path(self.environment.get(name) or self.home / ".aws" / file).expanduser()
                for name, file in (
                    ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
                    ("AWS_CONFIG_FILE", "config"),
                )
            )
            for path in (shared, config):
                yield from self._readable(path, partial(files.read_aws, path, profile))
                if _can_read(path):
                    command = files.read_aws_process(path, profile)
                    if command:
                        yield self._renewed(ProcessCredentials(command))

    def _readable(
        self, path: Path, read: Callable[[], Credentials | None]
    ) -> Iterator[CredentialsProvider]:
        """Yield what a file says that nobody named: it may be missing, or another's."""
        if _can_read(path) and read() is not None:
            yield self._renewed(files.FileCredentials(path, read))

    def _oidc(self) -> Iterator[CredentialsProvider]:
        names = (ALIYUN_ROLE, OIDC_PROVIDER, OIDC_FILE)
        arn, provider, file = (self.environment.get(name, "") for name in names)
        if arn and provider and file:
            role = self._role(arn)
            yield self._renewed(
                AssumeRoleWithOidc(self._sts(), role, provider, Path(file), self.clock)
            )

    def _ecs(self) -> Iterator[CredentialsProvider]:
        name = self.environment.get(ECS_ROLE, "")
        if name and self.environment.get(ECS_DISABLED, "").lower() != "true":
            yield self._renewed(self._ram_role(name))

    # How it is asked

    def _ram_role(self, text: str) -> RamRole:
        address, name = ADDRESS, "" if text == "auto" else text
        if "://" in text:
            parts = urlsplit(text)
            address, name = f"{parts.scheme}://{parts.netloc}", parts.path.rpartition("/")[2]
        # Inside the server's own network: quick, or not there at all; never through a proxy.
        nearby = replace(self.network, connect_timeout_s=2.0, read_timeout_s=5.0, proxies={})
        only_hardened = self.environment.get(PLAIN_MODE_DISABLED, "").lower() == "true"
        return RamRole(HttpAsk(nearby), name, address, only_hardened)

    def _role(self, arn: str) -> Role:
        endpoint = self.choice.sts_endpoint or ENDPOINT
        return Role(
            arn,
            self.choice.role_session or self.environment.get(SESSION_NAME) or SESSION,
            endpoint if "://" in endpoint else f"https://{endpoint}",
            external_id=self.choice.external_id or "",
        )

    def _sts(self) -> Ask:
        return HttpAsk(self.network)

    def _renewed(self, source: CredentialsSource) -> CredentialsProvider:
        return Refreshing(source, clock=self.clock)

    def _only_aliyun(self, option: str) -> None:
        if self.scheme != "oss":
            raise InvalidOption(
                f"{option} is for oss://; for {self.scheme}:// give --credential-process"
            )

    def _advice(self) -> str:
        names = NAMES[self.scheme][0]
        return (
            f"no credentials: set {names.key_id} and {names.secret} (and {names.token} for"
            " temporary ones) in the environment, or name a file of bucket:id:secret lines with"
            " --credentials-file"
        )


def _can_read(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
