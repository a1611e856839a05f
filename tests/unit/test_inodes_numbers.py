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


def test_a_directory_under_an_old_name_that_is_in_the_renamed_one_too():
    """Its number is not that of what has the same name in the one that was renamed."""
    numbers = InodeNumbers()
    numbers.renamed("a/", "b/")
    inside = numbers.of("b/a/")

    assert inside != numbers.of("a/")
    assert inside == numbers.of("b/a/")


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


def test_a_directory_takes_all_below_it_along():
    """Renamed ones among them; what is made under the old name gets others."""
    numbers = InodeNumbers()
    numbers.renamed("a/x", "a/y")
    numbers.renamed("a/d/", "a/e/")
    keys = ("", "y", "z", "d/", "e/", "e/f")
    before = [numbers.of("a/" + key) for key in keys]
    numbers.renamed("a/", "b/c/")

    assert before == [numbers.of("b/c/" + key) for key in keys]
    assert not {*before} & {numbers.of("a/" + key) for key in keys}
    numbers.renamed("b/c/", "a/")
    assert before == [numbers.of("a/" + key) for key in keys]


def test_names_of_a_directory_that_was_renamed_twice():
    """The table holds what was renamed, not what is below it."""
    numbers = InodeNumbers()
    one = numbers.of("a/f")
    for source, target in (("a/", "b/"), ("b/", "c/")):
        numbers.renamed(source, target)

    assert one == numbers.of("c/f")
    assert 1 == len(numbers._exceptions)


KEYS = ("a", "b", "d/", "e/", "d/a", "d/b", "d/s/", "d/s/x", "e/a", "e/s/", "e/s/x")
keys = st.sampled_from(KEYS)


def test_the_deepest_directory():
    """As deep as a key can be."""
    numbers = InodeNumbers()
    deep = "d/" * 500
    one = numbers.of(deep + "f")
    numbers.renamed("d/", "e/")

    assert one == numbers.of("e/" + deep[2:] + "f") != numbers.of(deep + "f")


@given(st.lists(st.tuples(keys, keys), max_size=30))
def test_no_number_is_given_twice(renames):
    """Whatever is renamed to what: files, and directories with what is below them."""
    numbers = InodeNumbers()
    there = {key for key in KEYS if key[0] != "e"}
    for source, target in renames:
        is_alike = source.endswith("/") == target.endswith("/")
        is_inside = source.endswith("/") and target.startswith(source)
        is_full = any(key != target and key.startswith(target) for key in there)
        above = target.rstrip("/").rpartition("/")[0]
        is_placed = not above or above + "/" in there
        if source in there and is_alike and is_placed and not (is_inside or is_full):
            moved = [key for key in there if key == source or key.startswith(source)]
            if not source.endswith("/"):
                moved = [source]
            before = {key: numbers.of(key) for key in there}
            numbers.renamed(source, target)
            there = (there - {*moved}) | {target + key[len(source) :] for key in moved}
            for key in moved:
                assert before[key] == numbers.of(target + key[len(source) :])
            for key in there & {*before} - {target}:
                assert before[key] == numbers.of(key)
        given_out = [numbers.of(key) for key in sorted(there | {*KEYS})]
        assert len(set(given_out)) == len(given_out)


def test_the_table_is_bounded(monkeypatch):
    """The oldest exceptions are forgotten."""
    monkeypatch.setattr(inodes, "MAX_EXCEPTIONS", 3)
    numbers = InodeNumbers()
    for n in range(9):
        numbers.renamed(f"a{n}", f"b{n}")

    assert 3 == len(numbers._exceptions) == len(numbers._owners)
