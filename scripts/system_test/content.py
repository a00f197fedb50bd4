"""Contents that tell which upload each of their bytes came from."""

import itertools
import os
import re

from .checks import Failure, check

BLOCK = 64
POSITIONS = [b"%15d\n" % (number * BLOCK) for number in range(1 << 14)]
LARGEST = BLOCK * len(POSITIONS)
SMALLEST = 32  # holds the round and the number


def content(round, number, length):
    """Of each 64 bytes, 48 tell the round, the file and its length, and 16 where they stand."""
    check(SMALLEST <= length <= LARGEST, f"{length} bytes cannot be told from others")
    blocks = -(-length // BLOCK)
    head = b"round %6d file %6d of %8d bytes" % (round, number, length)
    head = head.ljust(BLOCK - len(POSITIONS[0]))
    return (head + head.join(POSITIONS[:blocks]))[:length]


def describe(found):
    """Which uploads the parts of a torn file came from."""
    blocks = [found[at : at + BLOCK] for at in range(0, len(found), BLOCK)]
    parts = []
    for head, run in itertools.groupby(blocks, lambda block: re.match(rb"round +\d+ file +\d+ of +\d+ bytes", block)):
        count = sum(map(len, run))
        parts.append(f"{count} bytes of {head[0].decode() if head else 'something else'}")
    return f"{len(found)} bytes: " + ", ".join(parts[:8])


def judge(folder, old, new, replies):
    """Compares the files with what the clients were told; counts what became of the uploads.

    A file is the new one if its client was told 226, or that it is in place, though the disk may not have it yet; the
    old one (None: not there) if it was told anything else, and one of them if it was told nothing. There is no other
    file.
    """
    found = {"confirmed": 0, "stored without a confirmation": 0, "old": 0}
    for name, reply in replies.items():
        path = folder / name
        present = path.read_bytes() if path.exists() else None
        what = f"{name}, whose client was told {reply!r}"
        if present not in (old[name], new[name]):
            raise Failure(f"{what}, is torn: {'gone' if present is None else describe(present)}")
        is_new, is_confirmed = present == new[name], reply is not None and reply.startswith("226 ")
        is_told_new = is_confirmed or reply is not None and reply.startswith("451 The file is in place,")
        check(is_new or not is_told_new, f"{what}, has the old content")
        check(is_told_new or reply is None or not is_new, f"{what}, has the new content")
        found["confirmed" if is_confirmed else "stored without a confirmation" if is_new else "old"] += 1
    return found


def strangers(folder, names):
    """The files below a folder that have none of these names, hidden ones included."""
    found = []
    for parent, _, files in os.walk(folder):
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in files]
    return sorted(set(found) - set(names))
