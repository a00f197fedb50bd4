"""Trees of files that are hard to move, and their comparison."""

import hashlib
import os
import random

from .checks import check


def make_tree(folder, count=300, largest=64 << 20):
    """Files with names and sizes that are hard, always the same ones."""
    chance = random.Random(226)
    folders = ["", "a folder", "a folder/deeper", "übung", "日本語/фото", "-dash folder", "it's \"quoted\""]
    names = [
        "empty", "two words", " leading blank", "trailing blank ", "single'quote", 'double"quote', "-dash", "--help",
        "übung.txt", "日本.txt", "🦀", "e\u0301 combining", ".hidden", "...", "a;b&c|d", "$HOME", "`id`", "100%", "%41",
        "a#b?c", "[x]{y,z}", "star*", "back\\slash", "plus+equals=", "~tilde", "colon:at@", "x" * 255,
    ]  # fmt: skip
    names += [f"file {number:03}.bin" for number in range(count - len(names))]
    check(len(set(names)) == count, "the names are not different")
    for number, name in enumerate(names):
        directory = folder / folders[number % len(folders)]
        directory.mkdir(parents=True, exist_ok=True)
        size = {0: 0, 1: 1, count - 1: largest}.get(number, chance.choice([0, 100, 4096, 30_000, 300_000]))
        (directory / name).write_bytes(chance.randbytes(size))


def hashes(folder):
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[os.fsencode(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def check_same(one, other, what):
    one, other = hashes(one), hashes(other)
    missing, further = one.keys() - other.keys(), other.keys() - one.keys()
    different = {name for name in one.keys() & other.keys() if one[name] != other[name]}
    problems = [("missing", missing), ("not expected", further), ("different", different)]
    check(not any(names for _, names in problems), f"{what}: " + repr({k: sorted(v)[:5] for k, v in problems if v}))
    return len(one)
