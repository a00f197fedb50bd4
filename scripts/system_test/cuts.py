"""What becomes of uploads that are cut, behind HAProxy: it tells ftpd of a reset as if it were an end in good order."""

import contextlib
import ftplib
import hashlib
import threading
import time
from collections import Counter

from .cluster_clients import LOST, MIB, log_in, store_and_die, store_and_reset
from .ledger import Upload

TRIES = 20
# Longer than ftpd takes for an upload that was cut, though nobody is told.
QUIET = 3
WAYS = {"in clear": (False, False), "in clear with ALLO": (False, True), "under TLS": (True, False)}
MANNERS = ("reset", "killed")


class Cuts(threading.Thread):
    """Uploads of one way that are cut in one manner, one after the other."""

    def __init__(self, port, way, manner, choices, folder):
        super().__init__()
        self.port, self.way, self.manner, self.choices = port, way, manner, choices
        self.local = folder / f"{way} {manner}"
        self.uploads = []
        self.found = Counter()

    def run(self):
        is_protected, is_announced = WAYS[self.way]
        for number in range(TRIES):
            name = f"{self.manner}-{self.way.replace(' ', '-')}-{number}"
            upload = Upload(name, number, MIB, is_protected, self.manner)
            upload.end(self.cut(upload, is_announced))
            self.uploads.append(upload)

    def cut(self, upload, is_announced):
        """The reply that was read."""
        if self.manner == "killed":
            return store_and_die(self.port, upload, self.local, self.choices.uniform(0.2, 0.8), is_announced)
        client = log_in(self.port, upload.is_protected)
        with contextlib.closing(client):
            try:
                return store_and_reset(client, upload, self.choices.randrange(1, upload.size), is_announced)
            except (ftplib.error_temp, ftplib.error_perm) as error:
                return str(error)
            except LOST:
                return None

    def look(self, bucket):
        """Counts what was told and what is there."""
        for upload in self.uploads:
            told = upload.reply[:3] if upload.reply else "no reply"
            stored = "nothing is stored"
            present = bucket.find(upload.name)
            if present is not None:
                is_whole = hashlib.sha256(present).digest() == upload.digest
                stored = "the whole is stored" if is_whole else "a part is stored"
                bucket.delete(upload.name)
            self.found[f"{told}, {stored}"] += 1


def measure(port, bucket, choices, folder):
    """Cuts uploads in all ways and manners; what was found, and what should not have been."""
    cuts = [Cuts(port, way, manner, choices, folder) for way in WAYS for manner in MANNERS]
    for one in cuts:
        one.start()
    for one in cuts:
        one.join()
    time.sleep(QUIET)
    for one in cuts:
        one.look(bucket)
    found = {f"{one.manner} {one.way}": one.found for one in cuts}
    wrong = [
        f"{one.manner} {one.way}: {outcome}" for one in cuts for outcome in one.found
        if one.way != "in clear" and outcome.endswith("a part is stored")
    ]  # fmt: skip
    return found, wrong
