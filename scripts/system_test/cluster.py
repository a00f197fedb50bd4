"""A distributed run: Garage nodes, several ftpd, HAProxy, and clients that upload while all of that is killed."""

import argparse
import contextlib
import ftplib
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

from . import cuts
from .balancer import PORTS, Balancer
from .chance import SEED, chance
from .checks import Failure, check, wait_until
from .cluster_clients import Client
from .garage import Garage
from .ledger import Ledger
from .ports import HOST, free_port, free_ports
from .s3_server import BUCKET
from .servers import PASSWORD, USER, Server, build

FRONTS = ("127.0.0.2", "127.0.0.3")
SPELL = 5  # seconds between one event and the next
LONGEST = 1200  # seconds; then something hangs
ROOM = 4 << 30  # bytes on the disk for a round: a node that finds it full stops being one


class Front:
    """An ftpd that only HAProxy knows the address of."""

    def __init__(self, number, address, program, folder):
        self.name, self.address = f"front{number}", address
        self.program, self.folder = program, folder
        self.port = free_port(address)
        self.passive = free_ports((address, HOST), PORTS)
        self.server = None

    def start(self, environment):
        command = [
            self.program, "--listen", f"{self.address}:{self.port}", "--user", f"{USER}:{PASSWORD}",
            "--store", f"s3://{BUCKET}", "--tls-self-signed", "--require-session-reuse",
            "--passive-ports", f"{self.passive[0]}-{self.passive[-1]}", "--public-ip", HOST,
            # All clients have HAProxy's address.
            "--max-per-address", "1000",
        ]  # fmt: skip
        self.server = Server(command, environment)

    def kill(self):
        self.server.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        if self.server is not None:
            self.server.end()
            with open(self.folder / f"{self.name}.log", "a") as log:
                log.write(self.server.messages())
            self.server = None


class Run:
    """All servers, and what has been done to them."""

    def __init__(self, garage, balancer, fronts, folder):
        self.garage, self.balancer, self.fronts, self.folder = garage, balancer, fronts, folder
        self.environment = garage.environment(balancer.url)
        self.ledger = Ledger()
        self.kills = []
        self.counts = Counter()
        self.orphans = set()

    def start(self):
        for node in self.garage.nodes:
            self.balancer.wait_for(node.name)
        for front in self.fronts:
            front.start(self.environment)
        self.balancer.wait_all()

    def round(self, number, clients):
        """Clients upload; meanwhile a node is killed and comes back, then a front end. Then the bucket is looked at."""
        clients = [
            Client(
                f"{number}-{client}", self.balancer.port, self.garage.bucket(self.balancer.s3), self.ledger,
                chance(f"cluster {number} {client}"), self.folder,
            )
            for client in range(clients)
        ]  # fmt: skip
        for client in clients:
            client.start()
        try:
            time.sleep(SPELL)
            self.kill(self.garage.nodes[number % len(self.garage.nodes)])
            time.sleep(SPELL)
            self.garage.nodes[number % len(self.garage.nodes)].start()
            self.garage.wait_healthy()
            self.balancer.wait_all()
            time.sleep(SPELL)
            self.kill(self.fronts[number % len(self.fronts)])
            time.sleep(SPELL)
            self.fronts[number % len(self.fronts)].start(self.environment)
            self.balancer.wait_all()
            time.sleep(SPELL)
        finally:
            for client in clients:
                client.is_over.set()
            for client in clients:
                client.end()
        self.garage.resync()
        self.ledger.compare_all(self.garage.bucket(self.garage.nodes[number % len(self.garage.nodes)].s3))
        self.check_parts()

    def kill(self, one):
        before = time.monotonic()
        one.kill()
        self.kills.append((before, time.monotonic()))
        self.counts[f"kills of a {one.name.rstrip('0123456789')}"] += 1

    def check_parts(self):
        """An upload that nothing was killed beneath leaves no parts, once ftpd has aborted it."""
        bucket = self.garage.bucket(self.garage.nodes[0].s3)
        wait_until(
            lambda: not self.ledger.unexplained(bucket.uploads(), self.kills),
            lambda: f"parts are left: {self.ledger.unexplained(bucket.uploads(), self.kills)}",
        )
        self.orphans |= {part["UploadId"] for part in bucket.uploads()}

    def cut(self):
        """Measures what becomes of cut uploads."""
        bucket = self.garage.bucket(self.balancer.s3)
        found, wrong = cuts.measure(self.balancer.port, bucket, chance("cuts"), self.folder)
        for way, outcomes in found.items():
            print(f"cluster: {way}: " + "; ".join(f"{count} times {what}" for what, count in sorted(outcomes.items())))
        self.ledger.violations += wrong

    def finish(self):
        """Ends the front ends in good order, removes what the killed ones have left, and asks each node for everything."""
        for front in self.fronts:
            front.server.process.send_signal(signal.SIGTERM)
            check(front.server.wait() == 0, f"{front.name} ends with {front.server.process.returncode}")
            front.end()
            check("panicked" not in (self.folder / f"{front.name}.log").read_text(), f"{front.name} panicked")
        self.garage.remove_incomplete_uploads()
        for node in self.garage.nodes:
            bucket = self.garage.bucket(node.s3)
            # As with keys, a listing may have what is gone for a while yet.
            wait_until(lambda: not bucket.uploads(), f"{node.name} has parts after they were removed")
            self.ledger.compare_all(bucket)

    def check_comparison(self):
        """The comparison sees a file that is cut, one that is changed, one that is gone, and one that nobody stored."""
        bucket = self.garage.bucket(self.garage.nodes[0].s3)
        name = next(name for name, entry in self.ledger.entries.items() if entry.confirmed and entry.confirmed.size > 1)
        content = bucket.get(name)
        violations = list(self.ledger.violations)
        for spoil in (
            lambda: bucket.put(name, content[:-1]),
            lambda: bucket.put(name, bytes([content[0] ^ 1]) + content[1:]),
            lambda: bucket.delete(name),
            lambda: (bucket.put(name, content), bucket.put("stranger")),
        ):
            spoil()
            self.ledger.violations = []
            self.ledger.compare_all(bucket, [name])
            check(len(self.ledger.violations) == 1, f"a difference was not seen: {self.ledger.violations}")
        self.ledger.violations = violations

    def summary(self):
        uploads = self.ledger.uploads
        replies = {manner: Counter() for manner in sorted({upload.manner for upload in uploads})}
        for upload in uploads:
            replies[upload.manner][f"answered {upload.reply[:3]}" if upload.reply else "without a reply read"] += 1
        sections = {
            "uploads": {"": len(uploads)},
            **{f"uploads, {manner}": counts for manner, counts in replies.items()},
            "compared": self.ledger.counts,
            "killed": self.counts,
            "incomplete multipart uploads left by kills": {"": len(self.orphans)},
            "violations": {"": len(self.ledger.violations)},
        }
        return "\n".join(
            f"    {title}: " + ", ".join(f"{count} {what}".strip() for what, count in sorted(counts.items()))
            for title, counts in sections.items()
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--folder", help="where to leave logs, configurations and data [default: nowhere]")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    print(f"cluster: SYSTEM_TEST_SEED={SEED}", flush=True)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = options.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="sansftp-cluster-"))
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        try:
            room = shutil.disk_usage(folder).free
            check(room > options.rounds * ROOM, f"{folder} has {room >> 30} GiB, and {ROOM >> 30} are needed for each round")
            run = start(stack, build("release", ("opendal-services", "tls"))["ftpd"], pathlib.Path(folder).resolve())
            for number in range(options.rounds):
                run.round(number, options.clients)
                print(f"cluster: round {number + 1} of {options.rounds} is over", flush=True)
            run.cut()
            run.finish()
            if not run.ledger.violations:
                run.check_comparison()
        except (Failure, OSError, EOFError, ftplib.Error, BotoCoreError, ClientError) as error:
            sys.exit(f"cluster: FAILED: {type(error).__name__}: {error}")
    for violation in run.ledger.violations:
        print(f"cluster: VIOLATION: {violation}")
    print(f"cluster: {time.monotonic() - started:.0f} s\n{run.summary()}", flush=True)
    sys.exit(1 if run.ledger.violations else 0)


def too_long(*_):
    raise Failure(f"it does not end within {LONGEST} s")


def start(stack, program, folder):
    """Starts everything, to be ended by the stack."""
    garage = stack.enter_context(Garage(folder))
    fronts = [Front(number, address, program, folder) for number, address in enumerate(FRONTS, 1)]
    for front in fronts:
        stack.callback(front.end)
    run = Run(garage, stack.enter_context(Balancer(folder, fronts, garage.nodes)), fronts, folder)
    run.start()
    return run


if __name__ == "__main__":
    main()
