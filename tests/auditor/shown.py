"""Events that were taken out of a journal, and the hashes of the others."""

from auditor.canonical import parse_event, sha256
from auditor.findings import Findings
from auditor.merkle import leaf_hash, node


def shown_root(n, following, hidden):
    """R(1, n + 1), or None. following() gives (n, leaf) or None, hidden() a hash or None."""
    ahead = [following()]

    def over(a, b):
        if ahead[0] is None or ahead[0][0] >= b:
            return hidden()
        if b == a + 1:
            leaf = ahead[0][1]
            ahead[0] = following()
            return leaf
        k = 1 << (b - a - 1).bit_length() - 1
        left = over(a, a + k)
        right = over(a + k, b) if left is not None else None
        return node(left, right) if right is not None else None

    return over(1, n + 1)


def check_shown(checkpoint, lines, hidden, leaves, given, found):
    """lines: the events' bytes. leaves: [(n, hash)] or None. given: a checkpoint whose h(n) is wanted.
    Returns (sound events, how many lines, that hash or None)."""
    doubts, events = Findings(), []
    leaves = None if leaves is None else list(leaves)
    chain = {"whole": True, "hash": bytes(32), "given": None}
    hidden, lines = iter(hidden), iter(lines)
    count = last = 0
    before = len(found)

    def compare_leaf(n, leaf):
        while leaves and leaves[0][0] < n:
            doubts.add("missing", f"event {leaves.pop(0)[0]}", "leaves.txt has it")
        if not leaves or leaves[0][0] != n:
            doubts.add("added", f"event {n}", "leaves.txt does not have it")
        elif leaves.pop(0)[1] != leaf:
            doubts.add("altered", f"event {n}", "its hash is not the one in leaves.txt")

    def following():
        nonlocal count, last
        for line in lines:
            count += 1
            event = parse_event(line)
            if event is None:
                where = f"event {leaves.pop(0)[0]}" if leaves else f"line {count}"
                found.add("altered", where, "it is no event of this format")
                chain["whole"] = False
                continue
            n = event["n"]
            if n <= last or n > checkpoint.n:
                found.add("moved" if n <= last else "added", f"event {n}", "it has no place here")
                chain["whole"] = False
                continue
            leaf = leaf_hash(line)
            if leaves is not None:
                compare_leaf(n, leaf)
            chain["whole"] = chain["whole"] and n == last + 1
            if chain["whole"]:
                chain["hash"] = sha256(chain["hash"] + line)
                if given and given.n == n:
                    chain["given"] = chain["hash"]
            last = n
            events.append((event, line))
            return n, leaf
        return None

    root = shown_root(checkpoint.n, following, lambda: next(hidden, None))
    good = root is not None
    while following():
        good = False
    for n, _ in leaves or []:
        doubts.add("missing", f"event {n}", "leaves.txt has it")
    missing = object()
    good = good and next(hidden, missing) is missing and root == checkpoint.root
    if not good:
        told = len(found) > before
        found.extend(doubts)
        if not doubts and not told:
            found.add("altered", "root", "the events and hidden hashes do not make the checkpoint's root")
    elif doubts:
        found.add("altered", "file leaves.txt", "its hashes are not those of the events, which are good")
    if good and chain["whole"] and last == checkpoint.n and chain["hash"] != checkpoint.hash:
        found.add("altered", "chain", "the events do not lead to the checkpoint's hash")
    return events, count, chain["given"]
