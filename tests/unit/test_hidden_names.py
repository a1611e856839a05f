"""Names that are gone although their objects are still there."""

import threading

import pytest

from ossfs.errors import Unreachable
from ossfs.vfs.hidden import HiddenNames


@pytest.fixture
def hidden():
    names = HiddenNames()
    names.hide("d/f", "1")
    return names


def test_only_the_unlinked_version_is_hidden(hidden):
    assert ("d/f", "1") in hidden
    assert ("d/f", "2") not in hidden
    assert {"d/f"} == hidden.below("d/")


def test_a_deleted_version_hides_its_name_no_more(hidden):
    with hidden.deletion("d/f", "1") as is_there:
        assert is_there
        assert ("d/f", "1") in hidden

    assert ("d/f", "1") not in hidden


def test_a_version_whose_deletion_failed_stays_hidden(hidden):
    with pytest.raises(Unreachable), hidden.deletion("d/f", "1"):
        raise Unreachable

    assert ("d/f", "1") in hidden
    with hidden.deletion("d/f", "1") as is_there:
        assert is_there


def test_a_name_that_was_claimed_is_not_deleted(hidden):
    """The object there is another one by now, even if it has the same etag."""
    assert hidden.claim("d/f")

    with hidden.deletion("d/f", "1") as is_there:
        assert not is_there
    assert ("d/f", "1") in hidden


def test_nothing_is_claimed_where_nothing_is_hidden(hidden):
    assert not hidden.claim("d/other")


def test_a_claim_waits_for_a_deletion_under_way(hidden):
    """Otherwise the request to delete could arrive behind the new object."""
    answers = []
    with hidden.deletion("d/f", "1"):
        claiming = threading.Thread(target=lambda: answers.append(hidden.claim("d/f")))
        claiming.start()
        claiming.join(0.05)
        assert [] == answers
    claiming.join()

    assert [False] == answers


def test_a_key_that_is_ours_alone_is_hidden_whatever_it_holds():
    """An empty etag stands for every version, the one that is still being made included."""
    hidden = HiddenNames()
    hidden.hide("d/copy", "")

    assert ("d/copy", "any") in hidden
    assert hidden.is_hidden("d/copy")
    with hidden.deletion("d/copy", "") as is_there:
        assert is_there
    assert not hidden.is_hidden("d/copy")


def test_a_name_that_is_not_taken_after_all_may_be_deleted():
    """The request of the new object failed: the last close deletes the old one."""
    hidden = HiddenNames()
    hidden.hide("f", "1")
    hidden.claim("f")
    with hidden.deletion("f", "1") as is_there:
        assert not is_there
    assert hidden.is_claimed("f")

    hidden.unclaim("f")
    assert not hidden.is_claimed("f")
    with hidden.deletion("f", "1") as is_there:
        assert is_there


def test_a_directory_is_hidden_with_all_that_is_in_it():
    """Not its neighbours, and not for ever."""
    hidden = HiddenNames()
    assert not hidden.covers("d/f")
    hidden.hide_prefix("d/")

    assert (True, True, False, False) == tuple(
        hidden.covers(key) for key in ("d/f", "d/e/g", "d", "dd/f")
    )
    hidden.unhide_prefix("d/")
    assert not hidden.covers("d/f")
