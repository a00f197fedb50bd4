"""Clients of a disk that is made slow: in silence, and when they hear that it takes its time (ftpd --finish-patience)."""

import contextlib
import subprocess

from .checks import check, wait_until
from .clients import curl, lftp_done
from .content import content
from .servers import PASSWORD, ROOT, USER, ftpd

SECONDS = 8
# Of clients that would not wait for that in silence.
CLIENT_PATIENCE = 4
# The server says every second that it is not done.
TOLD = ("--finish-patience", "1")
CONTENT = content(1, 0, 100_000)


@contextlib.contextmanager
def slow_ftpd(programs, folder, *options, **environment):
    """A server whose files take SECONDS to be stored."""
    library, served = folder / "slow_sync.so", folder / "served"
    served.mkdir()
    source = ROOT / "scripts/system_test/slow_sync.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True, stdin=subprocess.DEVNULL)
    environment = {"LD_PRELOAD": str(library), "SLOW_SYNC": str(SECONDS), **environment}
    with ftpd(programs, served, *options, environment=environment.items()) as server:
        yield server, served


def clients(server, local):
    """What each client does with an upload, and whether it takes that for stored."""
    yield "lftp", lftp_done(server, f"set net:timeout {CLIENT_PATIENCE}; put {local} -o lftp").returncode == 0
    ncftp = ["ncftpput", "-V", "-r", "0", "-t", str(CLIENT_PATIENCE), "-u", USER, "-p", PASSWORD, "-P", str(server.port), "-C"]
    done = subprocess.run([*ncftp, "127.0.0.1", str(local), "ncftp"], stdin=subprocess.DEVNULL, capture_output=True)
    yield "ncftp", done.returncode == 0
    yield "curl", curl("-T", str(local), server.url("curl")).returncode == 0


def clients_give_up_in_silence(programs, folder):
    """In silence lftp and ncftp give up before a file is stored that they have sent whole; curl waits for it."""
    local = folder / "local"
    local.write_bytes(CONTENT)
    with slow_ftpd(programs, folder) as (server, served):
        for name, is_stored in clients(server, local):
            check(is_stored == (name == "curl"), f"{name} {'waits' if is_stored else 'gives up'}")
        for name in ("lftp", "ncftp", "curl"):
            wait_until((served / name).exists, f"{name}: the file is not stored")
            check((served / name).read_bytes() == CONTENT, f"{name}: the file is not what was sent")


def clients_wait_while_they_hear_of_it(programs, folder):
    """lftp and ncftp wait longer than in silence while they hear lines of a 226, and curl does not mind them."""
    local = folder / "local"
    local.write_bytes(CONTENT)
    with slow_ftpd(programs, folder, *TOLD) as (server, served):
        for name, is_stored in clients(server, local):
            check(is_stored, f"{name} fails")
            check((served / name).read_bytes() == CONTENT, f"{name}: the file is not what was sent")
        client = server.client()
        with client.transfercmd("STOR file") as data:
            data.sendall(CONTENT)
        lines = client.getmultiline().split("\n")
        check(len(lines) >= SECONDS and set(lines[:-1]) == {"226-Still storing the file."}, f"{lines}")
        check(lines[-1].startswith("226 "), f"{lines}")


def clients_fail_with_what_they_heard_of(programs, folder):
    """lftp, ncftp and curl fail when a 226 that has begun does not become true, and so does every other client."""
    local = folder / "local"
    local.write_bytes(CONTENT)
    with slow_ftpd(programs, folder, *TOLD, FAILING_SYNC="yes") as (server, served):
        for name, is_stored in clients(server, local):
            check(not is_stored, f"{name} believes that its file was stored")
        client = server.client()
        with client.transfercmd("STOR file") as data:
            data.sendall(CONTENT)
        try:
            reply = client.getmultiline()
        except EOFError:
            reply = None
        check(reply is None, f"a 226 is completed: {reply}")
        check(list(served.iterdir()) == [], "something was stored")


STEPS = [clients_give_up_in_silence, clients_wait_while_they_hear_of_it, clients_fail_with_what_they_heard_of]
