"""The tree over the events: RFC 6962."""

from auditor.canonical import sha256


def leaf_hash(data):
    return sha256(b"\0" + data)


def node(left, right):
    return sha256(b"\1" + left + right)


class Frontier:
    def __init__(self, n=0, hashes=()):
        self.n, self.hashes = n, list(hashes)

    def add(self, leaf):
        bits = self.n
        while bits & 1:
            leaf, bits = node(self.hashes.pop(), leaf), bits >> 1
        self.hashes.append(leaf)
        self.n += 1

    def root(self):
        root, *rest = reversed(self.hashes)
        for left in rest:
            root = node(left, root)
        return root
