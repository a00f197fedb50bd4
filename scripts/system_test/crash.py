"""The server, or its clients, are killed amid many uploads."""

import asyncio
import contextlib
import os
import select
import signal
import time
from collections import Counter

from . import swarm
from .chance import chance
from .checks import PATIENCE, Failure, check, wait_until
from .content import content, judge, strangers
from .servers import ftpd

FILES = 200
KILLS = 50
DURABILITIES = ("sync", "rename")
FOLDERS = ("", "one/", "one/deeper/", "other/")
OPTIONS = ("--max-connections", "500", "--max-per-address", "500", "--log", "warn")


def names(count):
    return [f"{FOLDERS[number % len(FOLDERS)]}file {number:03}" for number in range(count)]


def make_files(folder, count, largest=200_000):
    """Files in several folders; their contents by their names."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = {name: content(0, number, 1000 + number * 997 % (largest - 1000)) for number, name in enumerate(names(count))}
    for name, old in files.items():
        (folder / name).write_bytes(old)
    return files


class Round:
    """Uploads over all files, most of which replace and some of which append: small ones, and some of many chunks."""

    def __init__(self, number, old, choices):
        self.old = old
        self.uploads = {}
        self.new = {}
        for index, name in enumerate(old):
            length = choices.choice([choices.randint(32, 20_000)] * 3 + [choices.randint(100_000, 700_000)] * 2)
            sent = content(number, index, length)
            appends = choices.random() < 0.1 and len(old[name]) < 200_000
            self.uploads[name] = ("APPE" if appends else "STOR", sent)
            self.new[name] = old[name] + sent if appends else sent

    async def run(self, port, beat=lambda: None):
        """The reply to each upload, None where there was none."""
        sessions = await swarm.log_in_all(port, len(self.uploads))

        async def store(session, name):
            session.beat = beat
            with contextlib.closing(session):
                command, sent = self.uploads[name]
                return await session.store(f"{command} {name}", sent)

        replies = await asyncio.gather(*map(store, sessions, self.uploads))
        return dict(zip(self.uploads, replies, strict=True))


class Killer:
    """Kills the server a moment after so many steps of the clients, and counts the steps."""

    def __init__(self, server, steps, delay):
        self.server, self.steps, self.delay = server, steps, delay
        self.seen = 0

    def beat(self):
        self.seen += 1
        if self.seen == self.steps:
            asyncio.get_running_loop().call_later(self.delay, self.strike)

    def strike(self):
        self.server.process.send_signal(signal.SIGKILL)


def check_serves(server, count):
    """A user can log in and list the files."""
    with contextlib.closing(server.client()) as client:
        listed = sum(len([name for name in client.nlst(folder) if "file" in name]) for folder in ("/", *FOLDERS[1:]))
        check(listed == count, f"{listed} files are listed")


def start(programs, folder, number):
    return ftpd(programs, folder, "--durability", DURABILITIES[number % 2], *OPTIONS)


def calibrate(programs, folder, old, choices):
    """A round of each durability in which nobody is killed: how many steps one has, and what is there now."""
    steps = []
    for number, _ in enumerate(DURABILITIES):
        with start(programs, folder, number) as server:
            whole, nobody = Round(number + 1, old, choices), Killer(server, 0, 0)
            replies = swarm.run(whole.run(server.port, nobody.beat))
        found = judge(folder, whole.old, whole.new, replies)
        check(found["confirmed"] == FILES, f"without a kill: {found} {set(replies.values())}")
        check(not strangers(folder, old), f"without a kill: {strangers(folder, old)} are left")
        steps.append(nobody.seen)
        old = whole.new
    return min(steps), old


def kill_server_during_uploads(programs, folder):
    """ftpd is killed fifty times amid 200 uploads: each file is whole, what was confirmed is there, and nothing else."""
    choices = chance("kill_server_during_uploads")
    steps, old = calibrate(programs, folder, make_files(folder, FILES), choices)
    # One moment in each fiftieth of a round, in any order.
    moments = [(number + choices.random()) / KILLS for number in range(KILLS)]
    choices.shuffle(moments)
    sums = Counter()
    server = start(programs, folder, 0)
    try:
        for number, moment in enumerate(moments):
            uploads = Round(100 + number, old, choices)
            killer = Killer(server, 1 + int(moment * steps), choices.uniform(0, 0.003))
            replies = swarm.run(uploads.run(server.port, killer.beat))
            killer.strike()  # if the round ended before its moment
            check(server.wait() == -signal.SIGKILL, f"it was not killed, but ended with {server.process.returncode}")
            sums["temporary files that were removed"] += len(strangers(folder, old))
            server.end()

            server = start(programs, folder, number + 1)
            with described(f"kill {number + 1}, after {moment:.3f} of a round"):
                check(not strangers(folder, old), f"{strangers(folder, old)[:5]} are left")
                sums.update(judge(folder, uploads.old, uploads.new, replies))
                told = {reply[:4] for reply in replies.values() if reply is not None}
                check(told <= {"226 "}, f"clients are told {told}")
                check_serves(server, FILES)
            old = {name: (folder / name).read_bytes() for name in old}
    finally:
        server.end()
    note = f"{KILLS} kills, {FILES * KILLS} uploads: " + ", ".join(f"{count} {what}" for what, count in sums.items())
    check(len(sums) == 4 and all(sums.values()), f"the kills did not strike uploads at all their stages: {note}")
    return note


@contextlib.contextmanager
def described(where):
    try:
        yield
    except Failure as failure:
        raise Failure(f"{where}: {failure}") from failure


PROCESSES = 4
CLIENT_KILLS = 8


def fork_client(group, port, uploads, pipe):
    """A process of a group that stores some files, and writes each of its steps and each file that was confirmed."""
    process = os.fork()
    if process:
        with contextlib.suppress(OSError):  # it may be gone
            os.setpgid(process, group or process)
        return process
    try:
        os.setpgid(0, group)
        asyncio.run(store_and_tell(port, uploads, pipe))
    finally:
        os._exit(0)


async def store_and_tell(port, uploads, pipe):
    sessions = await swarm.log_in_all(port, len(uploads))

    async def store(session, name, command, sent, size):
        session.beat = lambda: os.write(pipe, b"\n")
        # The announced size tells a file that was cut from a whole one, in whatever order the system closes the
        # connections of a killed process.
        reply = await session.store(f"{command} {name}", sent, size)
        os.write(pipe, f"{name}={reply}\n".encode())

    await asyncio.gather(*map(store, sessions, *zip(*uploads, strict=True)))


def kill_round(server, uploads, steps, delay):
    """Stores files from several processes, which are killed after so many steps; the replies that were read."""
    files = [(name, command, sent, len(uploads.new[name])) for name, (command, sent) in uploads.uploads.items()]
    told, pipe = os.pipe()
    group = 0
    processes = []
    try:
        for number in range(PROCESSES):
            processes.append(fork_client(group, server.port, files[number::PROCESSES], pipe))
            group = group or processes[0]
        os.close(pipe)
        text, deadline = b"", time.monotonic() + PATIENCE
        while text.count(b"\n") < steps:
            ready, _, _ = select.select([told], [], [], max(0, deadline - time.monotonic()))
            more = os.read(told, 1 << 16) if ready else b""
            check(more or not ready, f"the clients ended after {text.count(10)} steps")
            check(ready, "the clients do nothing any more")
            text += more
        time.sleep(delay)
    finally:
        for process in processes:
            os.kill(process, signal.SIGKILL)
        for process in processes:
            os.waitpid(process, 0)
    while more := os.read(told, 1 << 16):
        text += more
    os.close(told)
    lines = (line.partition("=") for line in text.decode().splitlines() if line)
    return dict.fromkeys(uploads.uploads) | {name: None if reply == "None" else reply for name, _, reply in lines}


def kill_clients_during_uploads(programs, folder):
    """Client processes are killed together amid 200 announced uploads: each file is whole, and nothing is left."""
    choices = chance("kill_clients_during_uploads")
    old = make_files(folder, FILES)
    sums = Counter()
    with start(programs, folder, 1) as server:
        idle = server.descriptors()
        for number in range(CLIENT_KILLS):
            uploads = Round(1 + number, old, choices)
            # Each upload has some steps, so that all of them have ended after the last one.
            steps = sum(4 + len(sent) // swarm.PIECE for _, sent in uploads.uploads.values())
            moment = (number + choices.random()) / CLIENT_KILLS
            replies = kill_round(server, uploads, 1 + int(moment * steps), choices.uniform(0, 0.003))
            wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
            with described(f"kill {number + 1}, after {moment:.3f} of a round"):
                check(not strangers(folder, old), f"{strangers(folder, old)[:5]} are left")
                sums.update(judge(folder, uploads.old, uploads.new, replies))
                told = {reply[:4] for reply in replies.values() if reply is not None}
                check(told <= {"226 "}, f"clients are told {told}")
            old = {name: (folder / name).read_bytes() for name in old}
        check_serves(server, FILES)
    note = f"{CLIENT_KILLS} kills, {FILES * CLIENT_KILLS} uploads: " + ", ".join(f"{sums[what]} {what}" for what in sums)
    check(sums["confirmed"] > 0 and sums["old"] > 0, f"the kills did not strike uploads: {note}")
    return note


STEPS = [kill_server_during_uploads, kill_clients_during_uploads]
