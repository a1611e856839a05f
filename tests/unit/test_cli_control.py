"""The socket between the commands and a running mount."""

import socket
import stat
import threading
from contextlib import closing

import pytest

from ossfs.cli.control import Client, ControlError, Server


def test_a_command_is_answered_by_its_handler(tmp_path):
    """Arguments arrive, the answer comes back, several times on one connection."""
    handlers = {"double": lambda request: {"value": request["value"] * 2}}
    with closing(Server(tmp_path, handlers)) as server, closing(Client(server.path)) as client:
        assert {"value": 4} == client.ask("double", value=2)
        assert {"value": 6} == client.ask("double", value=3)


def test_a_failing_handler_and_an_unknown_command_are_told_and_survived(tmp_path):
    """Errors are answers: the connection and the server go on."""
    handlers = {"fail": lambda _: 1 / 0, "work": lambda _: "done"}
    with closing(Server(tmp_path, handlers)) as server, closing(Client(server.path)) as client:
        with pytest.raises(ControlError, match="ZeroDivisionError"):
            client.ask("fail")
        with pytest.raises(ControlError, match="unknown command"):
            client.ask("dance")
        assert "done" == client.ask("work")


def test_a_slow_command_does_not_hold_up_another(tmp_path):
    """`drain` may take minutes while `status` is asked."""
    gate = threading.Event()
    handlers = {"slow": lambda _: gate.wait(30), "fast": lambda _: 1}
    with closing(Server(tmp_path, handlers)) as server:
        with closing(Client(server.path)) as slow, closing(Client(server.path)) as fast:
            answers = []
            waiting = threading.Thread(target=lambda: answers.append(slow.ask("slow")))
            waiting.start()
            assert 1 == fast.ask("fast")
            gate.set()
            waiting.join()
        assert [True] == answers


def test_only_the_owner_can_connect(tmp_path):
    """The socket's permissions are 0600."""
    with closing(Server(tmp_path, {})) as server:
        assert 0o600 == stat.S_IMODE(server.path.stat().st_mode)


def test_the_socket_of_a_killed_mount_is_replaced(tmp_path):
    """A socket file that nobody listens on is in nobody's way."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))

    with (
        closing(Server(tmp_path, {"ping": lambda _: 1})) as server,
        closing(Client(server.path)) as client,
    ):
        assert 1 == client.ask("ping")


def test_a_folder_with_a_long_name_has_its_socket_too(tmp_path):
    """Socket addresses hold 107 bytes, paths 4095; nothing is left outside the folder."""
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)

    with closing(Server(folder, {"ping": lambda _: 1})) as server:
        assert folder / "control.sock" == server.path
        assert 0o600 == stat.S_IMODE(server.path.stat().st_mode)
        with closing(Client(server.path)) as client:
            assert 1 == client.ask("ping")
    assert [] == list(folder.iterdir())


def test_closing_cuts_those_who_are_connected(tmp_path):
    """A client of a mount that ends is told so, and the socket is gone."""
    server = Server(tmp_path, {"ping": lambda _: 1})
    with closing(Client(server.path)) as client:
        client.ask("ping")
        server.close()

        with pytest.raises(ControlError, match=r"ended|does not answer"):
            client.ask("ping")
    assert not server.path.exists()
    with pytest.raises(ControlError, match="does not answer"):
        Client(server.path)
