"""Clients that hear of a finish that takes its time (ftpd --finish-patience), on a disk that is made slow."""

import contextlib
import subprocess

from .checks import PATIENCE, check
from .clients import curl, lftp_done
from .content import content
from .servers import PASSWORD, ROOT, USER, ftpd

SECONDS = 4
CONTENT = content(1, 0, 100_000)


@contextlib.contextmanager
def slow_ftpd(programs, folder, **environment):
    """A server whose files take SECONDS to be stored, and which says so after one."""
    library, served = folder / "slow_sync.so", folder / "served"
    served.mkdir()
    source = ROOT / "scripts/system_test/slow_sync.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True, stdin=subprocess.DEVNULL)
    environment = {"LD_PRELOAD": str(library), "SLOW_SYNC": str(SECONDS), **environment}
    with ftpd(programs, served, "--finish-patience", "1", environment=environment.items()) as server:
        yield server, served


def clients(server, local):
    """What each client does with an upload, and whether it takes that for stored."""
    yield "lftp", lftp_done(server, f"put {local} -o lftp").returncode == 0
    ncftp = ["ncftpput", "-V", "-r", "0", "-t", str(PATIENCE), "-u", USER, "-p", PASSWORD, "-P", str(server.port), "-C"]
    done = subprocess.run([*ncftp, "127.0.0.1", str(local), "ncftp"], stdin=subprocess.DEVNULL, capture_output=True)
    yield "ncftp", done.returncode == 0
    yield "curl", curl("-T", str(local), server.url("curl")).returncode == 0


def clients_wait_while_they_hear_of_it(programs, folder):
    """lftp, ncftp and curl hear lines of a 226 while their file is stored, and take it for stored when it is."""
    local = folder / "local"
    local.write_bytes(CONTENT)
    with slow_ftpd(programs, folder) as (server, served):
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
    with slow_ftpd(programs, folder, FAILING_SYNC="yes") as (server, served):
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


STEPS = [clients_wait_while_they_hear_of_it, clients_fail_with_what_they_heard_of]
