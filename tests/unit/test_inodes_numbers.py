"""Numbers stay with what they number."""

from hypothesis import given
from hypothesis import strategies as st

from ossfs.vfs import inodes
from ossfs.vfs.inodes import ROOT, InodeNumbers


def test_the_same_over_remounts():
    """A number follows from the key, and fits into 63 bits."""
    assert InodeNumbers().of("a/b") == InodeNumbers().of("a/b")
    assert ROOT == InodeNumbers().of("")
    assert 1 < InodeNumbers().of("a/b") < 1 << 63
    assert InodeNumbers().of("a") != InodeNumbers().of("a/")


def test_a_rename_takes_the_number_along():
    """And a new file under the old name gets another one, that it keeps."""
    numbers = InodeNumbers()
    one = numbers.of("a")
    numbers.renamed("a", "b")

    assert one == numbers.of("b")
    assert one != numbers.of("a") == numbers.of("a")


def test_there_and_back():
    """The old name has its own number again."""
    numbers = InodeNumbers()
    one = numbers.of("a")
    numbers.renamed("a", "b")
    numbers.renamed("b", "a")

    assert one == numbers.of("a") != numbers.of("b")


def test_forgotten():
    """What is deleted gives its number free."""
    numbers = InodeNumbers()
    one = numbers.of("a")
    numbers.renamed("a", "b")
    numbers.forget("b")
    numbers.forget("never there")

    assert one == numbers.of("a")
    assert one != numbers.of("b")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=30))
def test_no_number_is_given_twice(renames):
    """Whatever is renamed to what."""
    numbers = InodeNumbers()
    there = set("ab")
    for source, target in renames:
        if source in there and source != target:
            before = numbers.of(source)
            numbers.renamed(source, target)
            there = (there - {source}) | {target}
            assert before == numbers.of(target)
        given_out = [numbers.of(key) for key in "abcd"]
        assert len(set(given_out)) == len(given_out)


def test_the_table_is_bounded(monkeypatch):
    """The oldest exceptions are forgotten."""
    monkeypatch.setattr(inodes, "MAX_EXCEPTIONS", 3)
    numbers = InodeNumbers()
    for n in range(9):
        numbers.renamed(f"a{n}", f"b{n}")

    assert 3 == len(numbers._exceptions) == len(numbers._owners)
