"""
What a mount has to be like: a file system in memory, and what a crash must leave of it.

Its calls are in `reference_files`, `reference_attributes` and `reference_names`.
"""

from reference_attributes import AttributeCalls
from reference_files import FileCalls
from reference_names import NameCalls
from reference_nodes import Node
from reference_state import difference


class Reference(FileCalls, AttributeCalls, NameCalls):
    """The file system; it is compared with what a mount shows, and goes on after a crash."""

    def snapshot(self):
        """Return the names with what a crash may leave of each."""
        return {path: node.kept for path, node in self.tree.items()}

    def compare(self, seen):
        """Raise AssertionError unless this is what is shown; keep the times that are."""
        wrong = [f"{path} is not shown" for path in self.tree.keys() - seen.keys()]
        wrong += [f"{path} should not be shown" for path in seen.keys() - self.tree.keys()]
        for path in self.tree.keys() & seen.keys():
            told = difference(self.tree[path].shown(), seen[path])
            wrong += [f"{path}: {told}"] if told else []
        assert not wrong, "; ".join(sorted(wrong))
        for path, state in seen.items():
            self.tree[path].saw(state)

    @staticmethod
    def wrong(kept, seen):
        """Say what was seen after a crash and cannot be."""
        wrong = []
        for path in sorted({*kept, *seen}):
            states, found = kept.get(path, (None,)), seen.get(path)
            if found is None:
                wrong += [] if None in states else [f"{path} is gone"]
                continue
            differences = [difference(one, found) for one in states if one is not None]
            if "" not in differences:
                wrong.append(f"{path}: {' or '.join(differences) or 'should not be there'}")
        return wrong

    @classmethod
    def restarted(cls, kept, seen, metadata):
        """Return what is there after a crash, of what may have been there."""
        made = cls()
        for path, found in seen.items():
            states = [one for one in kept[path] if one is not None and not difference(one, found)]
            made.tree[path] = node = Node(states[-1])
            node.saw(found)
            node.is_implicit = node.live.is_directory and f"{path}/" not in metadata
            if len(states[-1].mtimes) > 1:  # what was shown may be in memory only
                node.fallback = states[-1].mtimes
            else:
                node.kept = node.sent = (node.live,)
            node.has_time = found.is_directory or "mtime" in metadata.get(path, ())
        return made

    # Others

    def appear(self, path, state, *, has_time=True):
        """Another client has stored a file."""
        ino = self.tree[path].ino if path in self.tree else None
        self.tree[path] = Node(state)
        self.tree[path].ino = ino
        self.tree[path].has_time = has_time

    def looked_inside(self, paths):
        """Files were opened, read and closed: what is the only one of its name is promised then."""
        for path in paths:
            node = self.tree.get(path)
            if node is not None and node.is_new and node.is_exclusive:
                node.promise()

    def vanish(self, path):
        """Another client has deleted a file, and with it the directories that were nothing else."""
        del self.tree[path]
        parent = path.rpartition("/")[0]
        if parent and self.tree[parent].is_implicit and not self.children(parent):
            self.vanish(parent)
