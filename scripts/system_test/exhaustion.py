"""The server lacks what it needs: room on the disk, its folder, file descriptors."""

import asyncio
import contextlib
import ftplib
import io
import pathlib
import re
import shutil
import subprocess
import threading

from . import swarm
from .chance import chance
from .checks import NotRun, check, wait_until
from .content import content, judge, strangers
from .crash import Round, make_files
from .servers import ftpd

DISK_SIZE = 12 << 20
UPLOADS = 200
OPTIONS = ("--max-connections", "500", "--max-per-address", "500", "--log", "error")


def may_administrate():
    """Whether this process has the right to mount, as far as Linux tells (CAP_SYS_ADMIN)."""
    found = re.search(r"^CapEff:\s*(\w+)", pathlib.Path("/proc/self/status").read_text(), re.MULTILINE)
    return found is not None and int(found[1], 16) >> 21 & 1 == 1


@contextlib.contextmanager
def small_disk(folder):
    """A file system of its own that has little room."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if mounted.returncode != 0:
        lack = f"needs the right to mount a small file system: {mounted.stderr.strip()}"
        raise NotRun(lack, could_be=may_administrate())
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], stdin=subprocess.DEVNULL, check=True)


@contextlib.contextmanager
def read_only_disk(folder):
    """A file system with a file and a folder in it, which nobody can change any more."""
    with small_disk(folder):
        (folder / "folder").mkdir()
        (folder / "file").write_bytes(b"old")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], stdin=subprocess.DEVNULL, check=True)
        yield folder


def check_stores(server, folder):
    """A user can store a file."""
    sent = content(999, 0, 3000)

    async def store():
        session = await swarm.Session().log_in(server.port)
        reply = await session.store("STOR last", sent)
        await session.quit()
        return reply

    reply = swarm.run(store())
    check(reply is not None and reply.startswith("226 "), f"STOR is answered by {reply}")
    check((folder / "last").read_bytes() == sent, "the file is not what was sent")


def full_disk(programs, folder):
    """The disk fills up amid 200 uploads: each is stored or told 452, and nothing is left of those that were not."""
    choices = chance("full_disk")
    with small_disk(folder / "disk") as served:
        old = make_files(served, UPLOADS, largest=4000)
        with ftpd(programs, served, *OPTIONS) as server:
            idle = server.descriptors()
            uploads = Round(1, old, choices)
            replies = swarm.run(uploads.run(server.port))
            wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
            found = judge(served, uploads.old, uploads.new, replies)
            told = {None if reply is None else reply[:4] for reply in replies.values()}
            check(told == {"226 ", "452 "}, f"the clients are told {told}: {found}")
            check(not strangers(served, old), f"{strangers(served, old)[:5]} are left")
            for name in old:
                (served / name).unlink()
            check_stores(server, served)
    return f"{found['confirmed']} stored, {found['old']} told 452"


def full_disk_while_a_file_is_continued(programs, folder):
    """What stays of a file has no room beside it: who goes on with it is told 452, and the file stays as it was."""
    with small_disk(folder / "disk") as served:
        old = content(1, 0, 300_000) * (DISK_SIZE * 2 // 3 // 300_000)
        (served / "file").write_bytes(old)
        with ftpd(programs, served, *OPTIONS) as server:

            async def store(size):
                sent = content(2, 0, 300_000)[:1000] * (size // 1000)
                session = await swarm.Session().log_in(server.port)
                replies = [await session.store("APPE file", sent)]
                await session.command(f"REST {len(old)}")
                replies.append(await session.store("STOR file", sent))
                await session.quit()
                return replies

            # The copy lacks room where little is sent, and what is sent lacks it where there is much of it.
            for size in (1000, DISK_SIZE):
                for reply in swarm.run(store(size)):
                    check(reply is not None and reply.startswith("452 "), f"{size} bytes more are answered by {reply}")
                check((served / "file").read_bytes() == old, "the file is not what it was")
                check(not strangers(served, ["file"]), f"{strangers(served, ['file'])} are left")


async def half_way(port, names, sent):
    """Sessions of which each has sent half of a file."""
    sessions = dict(zip(names, await swarm.log_in_all(port, len(names)), strict=True))
    for name, session in sessions.items():
        reply = await session.begin(f"STOR {name}")
        check(reply.startswith("1"), f"STOR is answered by {reply}")
        await session.send(sent[: len(sent) // 2])
    return sessions


async def complete(session, sent):
    await session.send(sent[len(sent) // 2 :])
    session.data.close()
    return await session.reply()


def removed_folder(programs, folder):
    """Folders are removed amid uploads, the served one at last: those uploads fail, and the server is there."""
    served, sent = folder / "served", content(1, 0, 300_000)
    (served / "removed").mkdir(parents=True)
    gone, kept = ([f"{place}file {number}" for number in range(20)] for place in ("removed/", ""))

    async def uploads(port):
        sessions = await half_way(port, gone + kept, sent)
        shutil.rmtree(served / "removed")
        for name, session in sessions.items():
            reply = await complete(session, sent)
            check(reply.startswith("226 " if name in kept else "451 "), f"{name}: {reply}")
        check(strangers(served, kept) == [], f"{strangers(served, kept)} are left")
        (served / "removed").mkdir()
        for name, session in sessions.items():
            reply = await session.store(f"STOR {name}", sent)
            check(reply is not None and reply.startswith("226 "), f"{name}: {reply}")
            await session.quit()
        check(all((served / name).read_bytes() == sent for name in sessions), "a file is not what was sent")

        sessions = await half_way(port, kept, sent)
        shutil.rmtree(served)
        for name, session in sessions.items():
            reply = await complete(session, sent)
            check(reply.startswith("451 "), f"{name}: {reply}")
            reply = await session.store(f"STOR {name}", sent)
            check(reply is not None and reply[0] in "45", f"{name}: {reply}")
            await session.quit()

    with ftpd(programs, served, *OPTIONS) as server:
        idle = server.descriptors()
        swarm.run(uploads(server.port))
        wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
    check(not served.exists(), "something is left")


def out_of_descriptors(programs, folder):
    """With descriptors for a few only, 100 clients come: each upload is stored or refused, and none hangs."""
    files = {f"file {number}": content(1, number, 1000 + 100 * number) for number in range(100)}

    async def store(port, name):
        session = await swarm.Session().log_in(port)
        reply = await session.store(f"STOR {name}", files[name])
        await session.quit()
        return reply

    async def uploads(port):
        return dict(zip(files, await asyncio.gather(*(store(port, name) for name in files)), strict=True))

    with ftpd(programs, folder, *OPTIONS, descriptors=64) as server:
        idle = server.descriptors()
        replies = swarm.run(uploads(server.port))
        wait_until(lambda: server.descriptors() == idle, lambda: f"{server.descriptors()} descriptors, not {idle}")
        found = judge(folder, dict.fromkeys(files), files, replies)
        told = {None if reply is None else reply[:3] for reply in replies.values()}
        check(told <= {"226", "425", "450", "451"}, f"the clients are told {told}")
        check(not strangers(folder, files), f"{strangers(folder, files)[:5]} are left")
        check_stores(server, folder)
    return f"{found['confirmed']} stored, {found['old']} refused"


def read_only_file_system(programs, folder):
    """On a file system that nobody can change, every change is refused by a 550, and what is there is served."""
    commands = ["STOR file", "STOR new", "APPE file", "STOU", "DELE file", "MKD new", "RMD folder", "RNFR file"]
    with read_only_disk(folder / "disk") as served, ftpd(programs, served, *OPTIONS) as server:
        client = server.client()
        for command in commands:
            client.makepasv()
            try:
                reply = client.sendcmd(command)
            except ftplib.error_perm as error:
                reply = str(error)
            check(reply.startswith("550 "), f"{command}: {reply}")
        came = io.BytesIO()
        client.retrbinary("RETR file", came.write)
        check(came.getvalue() == b"old", "the file is not served")
    return f"{len(commands)} ways"


def huge_directory(programs, folder):
    """A directory of 100,000 files is listed, by several clients at once, in no more memory than a small one takes."""
    for number in range(100_000):
        (folder / f"file {number:06} of a directory that has very many").touch()
    with ftpd(programs, folder, *OPTIONS) as server:
        clients = [server.client() for _ in range(4)]
        before = server.resident()
        lines = [0] * len(clients)
        peaks = []

        def listing(index, command):
            with clients[index].transfercmd(command) as data, data.makefile("rb") as came:
                for line in came:
                    lines[index] += 1
                    if lines[index] % 20_000 == 0:
                        peaks.append(server.resident())
            clients[index].voidresp()

        threads = [
            threading.Thread(target=listing, args=(index, command))
            for index, command in enumerate(("LIST", "NLST", "MLSD", "LIST"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(all(count >= 100_000 for count in lines), f"{lines} lines came")
        grown = (max(peaks) - before) >> 10
        check(grown < 16 << 10, f"its memory grew by {grown} KiB")
    return f"grew by {grown} KiB at most"


STEPS = [
    full_disk,
    full_disk_while_a_file_is_continued,
    read_only_file_system,
    removed_folder,
    huge_directory,
    out_of_descriptors,
]
