"""Many clients at once, of which some break off."""

import asyncio
import resource
import time
from collections import Counter

from . import swarm
from .chance import chance
from .checks import Failure, check, wait_until
from .content import content, judge, strangers
from .servers import ftpd

SESSIONS = 2000
ROUNDS = 3
BREAKERS = SESSIONS // 20
# A session that uploads has up to three: its control connection, a listener or the data connection, and the file.
DESCRIPTORS = 3 * SESSIONS + 200
# How much more memory the server may have after the last round than after the one before. A round was seen to change
# it by up to half a mebibyte either way, as the allocator's free pieces lie differently each time. One kibibyte that
# each session leaves behind is more than this.
MEMORY_TOLERANCE = SESSIONS << 10
# With an arena for each of some threads, it takes a few rounds until every arena has grown to the most that it needs.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}

FLOOD = 10_000
ADDRESS_LIMIT = 100
CONNECTIONS_LIMIT = 300
REFUSALS_LIMIT = 64  # clients at a time that the server tells that they may not come


def raise_descriptor_limit(needed):
    """Lets this process, and servers that it starts, have so many files and sockets open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Failure(f"needs {needed} file descriptors a process, and the hard limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Breaks:
    """The ways to break off an upload of which half is sent. Each gives the reply that tells of it, if there is one."""

    @staticmethod
    async def reset_data(session):
        swarm.reset(session.data)
        reply = await session.reply()
        check(reply.startswith("426 "), f"a reset is answered by {reply}")
        await session.quit()
        return reply

    @staticmethod
    async def reset_both(session):
        session.reset()

    @staticmethod
    async def close_both(session):
        # The control connection first: the other way round there is a moment in which it looks like a whole file.
        session.close()

    @staticmethod
    async def abort(session):
        reply = await session.command("ABOR")
        check(reply.startswith("426 "), f"ABOR in an upload is answered by {reply}")
        answer = await session.reply()
        check(answer.startswith("226 "), f"ABOR is answered by {answer}")
        await session.quit()
        session.close()
        return reply

    @staticmethod
    async def vanish(session):
        session.control.close()
        try:
            end = await asyncio.get_running_loop().sock_recv(session.data, 1)
        except OSError:
            end = b""
        check(end == b"", "the server sends on a data connection that it should only receive on")
        session.data.close()

    ALL = (reset_data, reset_both, close_both, abort, vanish)


async def begin(session, name, sent):
    """Sends half of a file."""
    reply = await session.begin(f"STOR {name}")
    check(reply.startswith("1"), f"STOR is answered by {reply}")
    await session.send(sent[: len(sent) // 2])


async def complete(session, name, sent):
    """Sends the other half, and says good-bye."""
    await session.send(sent[len(sent) // 2 :])
    session.data.close()
    reply = await session.reply()
    await session.quit()
    return reply


async def round_of(server, uploads, breakers, idle):
    """All sessions log in, all uploads are half-way, and then all end, some of them badly. What the clients are told."""

    def check_open(count, what):
        there = server.descriptors() - idle
        check(there == count * len(uploads), f"{len(uploads)} clients {what}, with {there} descriptors of the server")

    started = time.monotonic()
    sessions = dict(zip(uploads, await swarm.log_in_all(server.port, len(uploads)), strict=True))
    check_open(1, "are logged in")
    await asyncio.gather(*(begin(session, name, uploads[name]) for name, session in sessions.items()))
    check_open(3, "are in an upload")
    ends = [
        breakers[name](session) if name in breakers else complete(session, name, uploads[name])
        for name, session in sessions.items()
    ]
    replies = dict(zip(uploads, await asyncio.gather(*ends), strict=True))
    return replies, time.monotonic() - started


def load_2000_sessions(programs, folder):
    """2,000 sessions at once store a file each, and 100 of them break off: no wrong outcome, and nothing piles up."""
    raise_descriptor_limit(DESCRIPTORS)
    choices = chance("load_2000_sessions")
    present = {f"file {number:04}": None for number in range(SESSIONS)}
    for number, name in enumerate(present):
        if number % 2:
            present[name] = content(0, number, choices.randint(32, 20_000))
            (folder / name).write_bytes(present[name])
    limits = ("--max-connections", str(SESSIONS), "--max-per-address", str(SESSIONS))
    times, memory = [], []
    with ftpd(programs, folder, *limits, "--log", "warn", environment=ONE_ARENA) as server:
        idle, threads = server.descriptors(), server.threads()
        for number in range(1, ROUNDS + 1):
            uploads = {name: content(number, index, choices.randint(64, 20_000)) for index, name in enumerate(present)}
            broken = choices.sample(list(uploads), BREAKERS)
            breakers = {name: Breaks.ALL[index % len(Breaks.ALL)] for index, name in enumerate(broken)}
            replies, took = swarm.run(round_of(server, uploads, breakers, idle))

            wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
            wait_until(lambda: server.threads() <= threads, lambda: f"{server.threads()} threads, not {threads}")
            times.append(took)
            memory.append(server.resident())
            check_outcomes(folder, present, uploads, replies, breakers)
            present = {name: present[name] if name in breakers else new for name, new in uploads.items()}
    grown = memory[-1] - memory[-2]
    check(grown <= MEMORY_TOLERANCE, f"the last round took {grown >> 10} KiB of memory and did not give it back: {memory}")
    rates = ", ".join(f"{SESSIONS / took:.0f}" for took in times)
    kibibytes = ", ".join(str(size >> 10) for size in memory)
    return f"{rates} sessions a second; afterwards {kibibytes} KiB resident, {idle} descriptors, {threads} threads"


def check_outcomes(folder, old, new, replies, breakers):
    found = judge(folder, old, new, replies)
    wrong = {name: reply for name, reply in replies.items() if reply is None and name not in breakers}
    check(found["old"] == BREAKERS, f"{found}; {dict(list(wrong.items())[:5])}")
    check(found["confirmed"] == SESSIONS - BREAKERS, f"{found}; {dict(list(wrong.items())[:5])}")
    check(not strangers(folder, new), f"{strangers(folder, new)[:5]} are left")


class Flood:
    """Clients that connect and never log in. Who is greeted stays until the end."""

    def __init__(self, port):
        self.port = port
        self.told = Counter()  # None: nothing
        self.turns, self.ended = asyncio.Semaphore(swarm.AT_ONCE), asyncio.Event()
        self.clients = [asyncio.create_task(self.connect()) for _ in range(FLOOD)]

    async def connect(self):
        async with self.turns:
            client = await swarm.connect(self.port, "127.0.0.2")
            try:
                told = await asyncio.get_running_loop().sock_recv(client, 1000)
            except OSError:
                told = b""
            self.told[told[:3].decode() or None] += 1
        if told.startswith(b"220 "):
            await self.ended.wait()
        client.close()

    async def progress(self, part):
        """Waits until that part of the clients have come."""
        while self.told.total() < part * FLOOD:
            await asyncio.sleep(0.001)

    async def end(self):
        self.ended.set()
        await asyncio.gather(*self.clients)


async def upload_in_flood(server, files):
    """A user logs in and stores files for as long as strangers connect: the replies, what they are told, and the most
    descriptors that the server had."""
    flood = Flood(server.port)
    replies, most = {}, 0
    for number, (name, sent) in enumerate(files.items()):
        session = await swarm.Session().log_in(server.port)
        reply = await session.begin(f"STOR {name}")
        check(reply.startswith("1"), f"STOR is answered by {reply}")
        for at in range(0, len(sent), swarm.PIECE):
            await session.send(sent[at : at + swarm.PIECE])
            most = max(most, server.descriptors())
            await flood.progress((number + at / len(sent)) / len(files))
        session.data.close()
        replies[name] = await session.reply()
        await session.quit()
    await flood.progress(1)
    await flood.end()
    return replies, flood.told, most


def flood_without_log_in(programs, folder):
    """10,000 clients that connect and say nothing: a user from another address logs in and stores files meanwhile."""
    files = {f"file {number}": content(1, number, 500_000) for number in range(4)}
    limits = ("--max-connections", str(CONNECTIONS_LIMIT), "--max-per-address", str(ADDRESS_LIMIT), "--log", "error")
    with ftpd(programs, folder, *limits) as server:
        idle = server.descriptors()
        replies, told, most = swarm.run(upload_in_flood(server, files))
        check(told["220"] == ADDRESS_LIMIT, f"the strangers are told {dict(told)}")
        check(set(told) <= {"220", "421", None}, f"the strangers are told {dict(told)}")
        # Theirs, the user's three, and one that is just being accepted or closed.
        check(most <= idle + ADDRESS_LIMIT + REFUSALS_LIMIT + 5, f"{most} descriptors amid the flood, {idle} before it")
        wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
        found = judge(folder, dict.fromkeys(files), files, replies)
        check(found["confirmed"] == len(files), f"{replies}")
    return f"{told['220']} were let in, {told['421']} told 421, {told[None]} told nothing; at most {most} descriptors"


STEPS = [load_2000_sessions, flood_without_log_in]
