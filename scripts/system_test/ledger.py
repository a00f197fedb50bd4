"""What clients were told of their uploads, and whether a bucket agrees."""

import hashlib
import random
import threading
import time
from collections import Counter

from .chance import SEED


class Upload:
    """A file on its way to a name, and the reply that was read of it, if there was one."""

    def __init__(self, name, number, size, is_protected, manner):
        self.name, self.number, self.size = name, number, size
        self.is_protected, self.manner = is_protected, manner
        self.content = random.Random(f"{SEED} {name} {number}").randbytes(size)
        self.digest = hashlib.sha256(self.content).digest()
        self.began, self.ended = time.monotonic(), None
        self.reply = None

    def end(self, reply):
        """There is a reply, or there will be none. The content is not needed any more."""
        self.reply, self.ended, self.content = reply, time.monotonic(), None

    @property
    def is_confirmed(self):
        return self.reply is not None and self.reply.startswith("226")

    def could_be_stored(self):
        """Without a reply, nobody knows; behind a 451, the store's own answer may have been lost after it had stored."""
        return self.reply is None or self.reply.startswith("451")

    def was_under_way(self, kill):
        """Whether some of it fell between the two moments that a kill has."""
        return self.began <= kill[1] and kill[0] <= self.ended

    def __str__(self):
        kind = "under TLS" if self.is_protected else "in clear"
        return f"{self.name}, upload {self.number} of {self.size} bytes {kind}, {self.manner}, told {self.reply!r}"


class Entry:
    """What a name may hold: what was confirmed last, or one of the later uploads that may have been stored."""

    def __init__(self):
        self.confirmed = None
        self.is_verified = True
        self.possible = []
        self.unresolved = []


class Ledger:
    """All names. Each belongs to one client, so that the order of its uploads is known."""

    def __init__(self):
        self.lock = threading.Lock()
        self.entries = {}
        self.uploads = []
        self.counts = Counter()
        self.violations = []

    def enter(self, upload):
        """An upload has ended."""
        with self.lock:
            self.uploads.append(upload)
            entry = self.entries.setdefault(upload.name, Entry())
            if upload.is_confirmed:
                entry.confirmed, entry.is_verified, entry.possible = upload, False, []
                return
            entry.unresolved.append(upload)
            if upload.could_be_stored():
                entry.possible.append(upload)

    def compare(self, name, present):
        """Judges what a name holds (None: nothing)."""
        with self.lock:
            entry = self.entries[name]
            digest = None if present is None else hashlib.sha256(present).digest()
            confirmed = entry.confirmed and entry.confirmed.digest
            stored = next((upload for upload in entry.possible if upload.digest == digest), None)
            if digest != confirmed and stored is None:
                found = "nothing" if present is None else f"{len(present)} bytes"
                told = [str(upload) for upload in (entry.confirmed, *entry.unresolved) if upload]
                self.violations.append(f"{name} holds {found}: {'; '.join(told) or 'nothing is known of it'}")
                return
            self._count(entry, stored if digest != confirmed else None)

    def _count(self, entry, stored):
        if not entry.is_verified and stored is None:
            self.counts["226 verified"] += 1
        elif not entry.is_verified:
            self.counts["226 replaced by a later upload without one"] += 1
        entry.is_verified = True
        for upload in entry.unresolved:
            if upload is stored:
                self.counts["stored without a reply read" if upload.reply is None else "stored behind a 451"] += 1
            else:
                self.counts["not confirmed: old content" if entry.confirmed else "not confirmed: absent"] += 1
        entry.unresolved = []

    def compare_all(self, bucket, names=None):
        """Judges everything that a bucket holds, or some of it; nothing else may be there in either case."""
        for key in set(bucket.keys()) - set(self.entries):
            if bucket.find(key) is not None:
                self.violations.append(f"{key} is there, which nobody stored")
        for name in self.entries if names is None else names:
            self.compare(name, bucket.find(name))

    def unexplained(self, parts, kills):
        """Multipart uploads that are left though nothing was killed while they were under way."""
        owners = {}
        for upload in self.uploads:
            owners.setdefault(upload.name, []).append(upload)
        return [
            part for part in parts
            if not any(upload.was_under_way(kill) for upload in owners.get(part["Key"], ()) for kill in kills)
        ]  # fmt: skip
