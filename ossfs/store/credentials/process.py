"""
Credentials that a command prints, as JSON.

The command is run without a shell, with no input. What it prints to standard error is
shown when it fails; what it prints to standard output never is.

Threads: any; each question is a process of its own.
"""

import shlex
import subprocess
from dataclasses import dataclass

from ossfs.errors import InvalidCredentials, InvalidOption, TimedOut
from ossfs.store.credentials.issued import issued
from ossfs.store.credentials.values import Credentials, Secret

TIMEOUT_S = 60.0
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ProcessCredentials:
    """
    What `command` prints: `{"AccessKeyId": …, "AccessKeySecret": …}`.

    `SecretAccessKey` may stand for `AccessKeySecret`; `SecurityToken` (or `SessionToken`)
    and `Expiration` (ISO 8601) belong to temporary ones.
    """

    command: str
    timeout_s: float = TIMEOUT_S

    def get(self) -> Credentials:
        """Run the command. InvalidOption, InvalidCredentials, TimedOut."""
        words = self._words()
        name = words[0]
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimedOut(
                f"{name} did not print credentials within {self.timeout_s:.0f} seconds",
                operation="credentials",
            ) from None  # it holds what was printed
        except OSError as error:
            raise InvalidOption(f"--credential-process {name}: {error.strerror}") from error
        printed, status = Secret(done.stdout.decode("utf-8", "replace")), done.returncode
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-_SHOWN:]
        del done
        if status:
            what = f"{name} ended with {status}: {said or 'it gave no reason'}"
            raise InvalidCredentials(what, operation="credentials")
        return issued(printed, name)

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InvalidOption(f"--credential-process: {error}") from None
        if not words:
            raise InvalidOption("--credential-process: no command is given")
        return words
