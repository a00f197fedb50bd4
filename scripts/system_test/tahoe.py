"""A server of a Tahoe-LAFS grid: what it confirms is in the grid, and what was cut off is not."""

import ftplib
import io
import os
import random
import re
import subprocess
import threading
import time

from .chance import chance
from .checks import Failure, check, wait_until
from .clients import curl, curl_checked, curl_many, reset
from .grid import shared_grid
from .servers import PASSWORD, ROOT, USER, Server, ending

MIB = 1 << 20
SIZES = (0, 55, 56, MIB, 20 * MIB)
# An upload makes about ten requests to each storage server, one after the other.
SLOW = 0.85  # seconds for each


def serve(programs, grid, folder, root, *options):
    """ftpd with a directory of the grid, and everything in its log."""
    (folder / "root.cap").write_text(root + "\n")
    command = [programs["ftpd"], "--listen", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", "--log", "trace"]
    command += ["--store", "tahoe", "--wapi", grid.url, "--root-cap-file", str(folder / "root.cap")]
    return Server([*command, *options])


def check_secret(server):
    """No capability is in the log, whatever happened."""
    check("URI:" not in server.messages(), "a capability is in the log")


def store(client, name, content):
    """Stores a file; tells how long the last reply took from the last byte on."""
    data = client.transfercmd(f"STOR {name}")
    data.sendall(content)
    data.close()
    ended = time.monotonic()
    client.voidresp()
    return time.monotonic() - ended


def refusal(client, command):
    """The code of a reply that is none of success."""
    try:
        reply = client.sendcmd(command)
    except ftplib.Error as error:
        return str(error)[:3]
    raise Failure(f"{command} is answered by {reply}")


def retrieve(client, name, offset=None):
    content = io.BytesIO()
    client.retrbinary(f"RETR {name}", content.write, rest=offset)
    return content.getvalue()


def grid_keeps_the_contract_of_stores(programs, folder):
    """The tests of the store on a real grid, the contract of all stores among them."""
    grid = shared_grid()
    environment = {**os.environ, "SANSFTP_TEST_GATEWAY": grid.url.removeprefix("http://")}
    command = ["cargo", "test", "--locked", "--quiet", "--all-features", "--test", "stores", "--"]
    command += ["--ignored", "--test-threads=4", "tahoe::"]
    tested = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1500
    )
    check(tested.returncode == 0, f"{tested.stdout[-3000:]} {tested.stderr[-1000:]}")
    return re.search(r"test result: .*", tested.stdout)[0]


def grid_gives_back_what_it_got(programs, folder):
    """Files of 0, 55 and 56 bytes, of 1 and 20 MiB go up, are described, and come down, whole and from an offset on."""
    grid, source = shared_grid(), chance("grid")
    root = grid.new_root()
    took = []
    with serve(programs, grid, folder, root) as server:
        client = server.client()
        for size in SIZES:
            content, name = source.randbytes(size), f"file {size}"
            seconds = store(client, name, content)
            took.append(f"{size} bytes {seconds:.2f} s")
            check(grid.content(root, name) == content, f"the grid has another {name}")
            check(client.size(name) == size, f"SIZE tells {client.size(name)} of {size}")
            check(retrieve(client, name) == content, f"{name} comes down as another one")
            for offset in {0, size // 3, max(size - 1, 0), size}:
                check(retrieve(client, name, offset) == content[offset:], f"{name} from {offset} on is another one")
            for offset in (size + 1, 10 * size + 1000):
                client.makepasv()
                client.sendcmd(f"REST {offset}")
                check(refusal(client, f"RETR {name}") == "554", f"REST behind the end of {name} is not 554")
            (folder / "local").write_bytes(content)
            curl_checked("--upload-file", str(folder / "local"), server.url(name))
            curl_checked("--output", str(folder / "back"), server.url(name))
            check((folder / "back").read_bytes() == content, f"curl gets another {name}")
        facts = dict(client.mlsd())
        sizes = sorted(int(fact["size"]) for fact in facts.values())
        check(sizes == sorted(SIZES), f"MLSD tells the sizes {sizes}")
        now = time.strftime("%Y%m%d", time.gmtime())
        check(all(fact["modify"][:8] in (now, str(int(now) - 1)) for fact in facts.values()), f"MLSD: {facts}")
        client.sendcmd("MFMT 20240229123456 file 56")
        check(client.sendcmd("MDTM file 56") == "213 20240229123456", "MFMT does not set the time")
        check_secret(server)
    return "from the last byte to 226: " + ", ".join(took)


def grid_has_the_file_when_226_comes(programs, folder):
    """The grid is slow: 226 comes after some 8 s, when the file is there, and NOOP is answered meanwhile."""
    grid = shared_grid()
    root = grid.new_root()
    content = random.randbytes(3 * MIB)
    with serve(programs, grid, folder, root, "--name-read-caps") as server:
        client = server.client()
        grid.slow(SLOW)
        data = client.transfercmd("STOR file")
        data.sendall(content)
        data.close()
        ended = time.monotonic()
        client.putline("NOOP")
        check(client.getmultiline().startswith("200 "), "NOOP is not answered")
        check(time.monotonic() - ended < 2, "NOOP waits for the grid")
        reply = client.getmultiline()
        seconds = time.monotonic() - ended
        grid.slow(0)
        check(reply.startswith("226"), f"STOR is answered by {reply}")
        check(seconds > 6, f"226 comes after {seconds:.1f} s, sooner than the grid can have the file")
        check(grid.content(root, "file") == content, "the grid has another file")
        cap = re.search(r"URI:CHK:[a-z0-9:]+", reply)
        check(cap and grid.ask("GET", f"/uri/{cap[0]}")[1] == content, f"the reply names no read capability: {reply}")
        check_secret(server)
    return f"226 came after {seconds:.1f} s"


def grid_that_cannot_keep_a_file_safe(programs, folder):
    """Two of four storage servers are gone: an upload is refused with a sentence and the old file stays."""
    grid = shared_grid()
    root = grid.new_root()
    old, new = random.randbytes(MIB), random.randbytes(MIB)
    with serve(programs, grid, folder, root) as server:
        client = server.client()
        store(client, "file", old)
        grid.kill(2)
        wait_until(lambda: grid.connected() == 2, "the gateway does not miss them")
        for content in (new, new[:1000]):
            try:
                store(client, "file", content)
                raise Failure("an upload is confirmed that the grid cannot keep safe")
            except ftplib.error_temp as error:
                check("too few storage servers" in str(error), f"the reply does not say why: {error}")
        check(retrieve(client, "file") == old, "the old file is gone")
        grid.kill(3)
        wait_until(lambda: grid.connected() == 1, "the gateway does not miss it")
        check(refusal(client, "SIZE file")[0] == "4", "a directory that cannot be read is no temporary failure")
        try:
            store(client, "file", new)
            raise Failure("an upload into a directory that cannot be read is confirmed")
        except ftplib.error_temp:
            pass
        grid.heal()
        check(retrieve(client, "file") == old, "the old file is gone")
        store(client, "file", new)
        check(grid.content(root, "file") == new, "the new file is not stored")
        check_secret(server)


def grid_loses_servers_amid_transfers(programs, folder):
    """Storage servers are killed while a file is stored and while one is retrieved: no success is told that is none."""
    grid = shared_grid()
    root = grid.new_root()
    old, new = random.randbytes(20 * MIB), random.randbytes(20 * MIB)
    outcomes = []
    with serve(programs, grid, folder, root) as server:
        client = server.client()
        store(client, "file", old)

        grid.slow(0.4)
        data = client.transfercmd("STOR file")
        data.sendall(new)
        data.close()
        time.sleep(2)
        grid.kill(2)
        reply = client.getmultiline()
        outcomes.append(f"STOR: {reply[:3]}")
        grid.heal()
        expected = new if reply.startswith("226") else old
        check(reply[:3] in ("226", "451", "452"), f"STOR is answered by {reply}")
        check(grid.content(root, "file") == expected, f"the file is not what {reply!r} promises")

        store(client, "file", old)
        data = client.transfercmd("RETR file")
        received = data.recv(1000)
        grid.kill(3)
        while more := data.recv(MIB):
            received += more
        data.close()
        reply = client.getmultiline()
        outcomes.append(f"RETR: {reply[:3]} after {len(received)} bytes")
        check(reply.startswith("226") == (received == old), f"{len(received)} of {len(old)} bytes came, and {reply}")
        check(old.startswith(received), "other bytes came")
        grid.heal()
        check_secret(server)
    return ", ".join(outcomes)


def upload_slowly(server, folder, name):
    """curl, which takes eight seconds for it."""
    (folder / "local").write_bytes(random.randbytes(4 * MIB))
    return subprocess.Popen(
        ["curl", "--disable", "--noproxy", "*", "-sS", "--limit-rate", "500k", "-T", str(folder / "local"), server.url(name)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def grid_links_nothing_that_was_cut_off(programs, folder):
    """A reset, an ABOR, a killed client and a lost control connection amid an upload leave no file and the old one."""
    grid = shared_grid()
    root = grid.new_root()
    with serve(programs, grid, folder, root) as server:
        client = server.client()
        store(client, "old", b"old content")
        for name in ("old", "new"):
            data = client.transfercmd(f"STOR {name}")
            data.sendall(random.randbytes(3 * MIB))
            reset(data)
            check(client.getmultiline().startswith("426 "), "a reset is not answered by 426")

            data = client.transfercmd(f"STOR {name}")
            data.sendall(random.randbytes(3 * MIB))
            client.putline("ABOR")
            replies = [client.getmultiline()[:3], client.getmultiline()[:3]]
            check(replies == ["426", "226"], f"ABOR is answered by {replies}")
            data.close()

            lost = server.client()
            data = lost.transfercmd(f"STOR {name}")
            data.sendall(random.randbytes(MIB))
            lost.close()
            time.sleep(0.5)
            data.close()

            with ending(upload_slowly(server, folder, name)):
                time.sleep(2)
        time.sleep(1)
        check(grid.names(root) == ["old"], f"the grid has {grid.names(root)}")
        check(grid.content(root, "old") == b"old content", "the old content is gone")
        check_secret(server)


def grid_that_is_storing_goes_on(programs, folder):
    """ABOR, a killed client and a second upload while the grid stores: each file is whole, or not there."""
    grid = shared_grid()
    root = grid.new_root()
    contents = {name: random.randbytes(2 * MIB) for name in ("aborted", "killed", "twice")}
    with serve(programs, grid, folder, root) as server:
        clients = {name: server.client() for name in contents}
        again = server.client()
        grid.slow(0.4)

        def send(client, name):
            data = client.transfercmd(f"STOR {name}")
            data.sendall(contents[name])
            data.close()

        for name, client in clients.items():
            send(client, name)
        time.sleep(1)
        clients["aborted"].putline("ABOR")
        clients["killed"].close()
        send(again, "twice")
        replies = [clients["aborted"].getmultiline()[:3], clients["aborted"].getmultiline()[:3]]
        check(replies in (["226", "226"], ["426", "226"]), f"ABOR is answered by {replies}")
        check(clients["twice"].voidresp()[:3] == again.voidresp()[:3] == "226", "two uploads of one name")
        wait_until(lambda: server.messages().count("path=\"/") >= 4, "the server logs no transfer")
        grid.slow(0)
        for name, content in contents.items():
            found = grid.content(root, name)
            is_confirmed = name == "twice" or (name == "aborted" and replies[0] == "226")
            check(found == content or (found is None and not is_confirmed), f"{name} is not whole")
        check_secret(server)
    return f"ABOR while storing: {replies[0]}; found {', '.join(grid.names(root))}"


def grid_keeps_all_of_twelve_uploads(programs, folder):
    """Twelve uploads at once into one directory are all there."""
    grid = shared_grid()
    root = grid.new_root()
    names = [f"file {number}" for number in range(12)]
    with serve(programs, grid, folder, root) as server:
        server.client().mkd("directory")
        contents = {name: random.randbytes(200_000) for name in names}
        failures = []

        def upload(name):
            try:
                store(server.client(), f"directory/{name}", contents[name])
            except (OSError, ftplib.Error) as error:
                failures.append(f"{name}: {error}")

        threads = [threading.Thread(target=upload, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not failures, failures)
        for name in names:
            check(grid.content(root, f"directory/{name}") == contents[name], f"{name} is lost")

        # Also if curl makes the directories.
        (folder / "local").write_bytes(b"content")
        curl_many(folder, [{"upload-file": folder / "local", "url": server.url(f"new/deep/{name}")} for name in names])
        check([name for name in names if grid.content(root, f"new/deep/{name}") is None] == [], "a file is lost")


def grid_refuses_what_would_lose_files(programs, folder):
    """MKD twice, RMD of a full directory, RNTO onto a directory and into itself, STOR without a directory, APPE."""
    grid = shared_grid()
    root = grid.new_root()
    with serve(programs, grid, folder, root) as server:
        client = server.client()
        client.mkd("directory")
        store(client, "directory/file", b"content")
        store(client, "file", b"other content")
        for command, code in (
            ("MKD directory", "550"),
            ("MKD missing/below", "550"),
            ("RMD directory", "550"),
            ("RMD file", "550"),
            ("RMD /", "550"),
            ("DELE directory", "550"),
            ("DELE missing", "550"),
            ("CWD file", "550"),
            ("APPE file", "502"),
            ("SITE CHMOD 600 file", "502"),
        ):
            if command.startswith("APPE"):
                client.makepasv()
            found = refusal(client, command)
            check(found == code, f"{command} is answered by {found}, not by {code}")
        for target, code in (("directory", "550"), ("missing/file", "550"), ("/", "553")):
            client.sendcmd("RNFR file")
            check(refusal(client, f"RNTO {target}") == code, f"RNTO {target} is not answered by {code}")
        client.sendcmd("RNFR directory")
        check(refusal(client, "RNTO directory/inner") == "553", "a directory is moved into itself")
        client.makepasv()
        check(refusal(client, "STOR missing/file") == "550", "STOR makes a directory")
        client.makepasv()
        client.sendcmd("REST 3")
        check(refusal(client, "STOR file") == "504", "REST and STOR")
        client.encoding = "latin-1"
        client.makepasv()
        check(refusal(client, "STOR \xe4\xff") == "553", "a name is taken that is not UTF-8")
        client.encoding = "utf-8"

        client.rename("file", "directory/file")
        check(grid.content(root, "directory/file") == b"other content", "RNTO does not replace a file")
        check(grid.names(root) == ["directory"], f"the grid has {grid.names(root)}")
        store(client, "e\u0301", b"accent")
        check(client.nlst() == ["directory", "\u00e9"], client.nlst())
        client.delete("directory/file")
        client.rmd("directory")
        check(grid.names(root) == ["\u00e9"], f"the grid has {grid.names(root)}")
        check_secret(server)


def grid_for_users_of_a_file(programs, folder):
    """Users from a file have roots of their own; a wrong line is named, and no capability is shown."""
    grid = shared_grid()
    roots = {name: grid.new_root() for name in ("anna", "otto")}
    lines = ["# who has what"]
    for name, root in roots.items():
        hashed = subprocess.run([programs["ftpd"], "--hash-password"], input=f"{name}'s\n", capture_output=True, text=True)
        check(hashed.returncode == 0 and hashed.stdout.startswith("$argon2id$"), f"{hashed.stdout} {hashed.stderr}")
        lines.append(f"{name} {hashed.stdout.strip()} {root}")
    accounts = folder / "accounts"
    accounts.write_text("\n".join(lines) + "\n")
    command = [programs["ftpd"], "--listen", "127.0.0.1:0", "--log", "trace", "--store", "tahoe", "--wapi", grid.url]
    command += ["--accounts", str(accounts)]
    with Server(command) as server:
        for name, root in roots.items():
            client = ftplib.FTP(timeout=60)
            client.connect("127.0.0.1", server.port)
            client.login(name, f"{name}'s")
            client.storbinary("STOR file", io.BytesIO(name.encode()))
            check(grid.content(root, "file") == name.encode(), f"{name} has another root")
        for user in ("anna:otto's", "otto:", "nobody:anna's"):
            refused = curl("--user", user, f"ftp://127.0.0.1:{server.port}/")
            check(refused.returncode == 67, f"{user} is not refused: {refused.returncode}")
        check_secret(server)

    accounts.write_text("\n".join([*lines, f"eve secret {roots['anna']}"]))
    started = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    check(started.returncode == 1 and "line 4 " in started.stderr, f"{started.returncode}: {started.stderr}")
    check("URI:" not in started.stderr and "argon2id$v" not in started.stderr, started.stderr)


def options_that_want_a_grid(programs, folder):
    """Options of a grid that do not belong together, or name what is not there, are explained."""
    (folder / "file.cap").write_text("URI:CHK:notadirectory:b:2:4:1000")
    (folder / "root.cap").write_text("URI:DIR2:nobodyknows:this")
    tahoe = ("--store", "tahoe", "--wapi", "http://127.0.0.1:9")
    for options, code, expected in (
        ((".", "--store", "tahoe"), 2, "cannot be used with"),
        (("--store", "disk"), 2, "tahoe"),
        ((".", "--accounts", "file"), 1, "--store tahoe"),
        ((*tahoe, "--accounts", "file", "--anonymous"), 2, "cannot be used with"),
        (tahoe, 1, "needs --root-cap-file"),
        ((*tahoe, "--root-cap-file", "/does/not/exist"), 1, "cannot read the capability"),
        ((*tahoe, "--accounts", "/does/not/exist"), 1, "cannot read the accounts"),
        ((*tahoe, "--root-cap-file", str(folder / "file.cap")), 1, "has to be that of a directory"),
        ((*tahoe, "--root-cap-file", str(folder / "root.cap")), 1, "does not answer"),
        (("--store", "tahoe", "--wapi", "https://x", "--root-cap-file", str(folder / "root.cap")), 1, "http://127.0.0.1:3456"),
        (("--hash-password",), 1, "no password came"),
    ):
        command = [programs["ftpd"], *options]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        check(ended.returncode == code and expected in ended.stderr, f"{options}: {ended.returncode} {ended.stderr}")
        check("URI:CHK" not in ended.stderr and "nobodyknows" not in ended.stderr, ended.stderr)


STEPS = [
    options_that_want_a_grid,
    grid_keeps_the_contract_of_stores,
    grid_gives_back_what_it_got,
    grid_has_the_file_when_226_comes,
    grid_that_cannot_keep_a_file_safe,
    grid_loses_servers_amid_transfers,
    grid_links_nothing_that_was_cut_off,
    grid_that_is_storing_goes_on,
    grid_keeps_all_of_twelve_uploads,
    grid_refuses_what_would_lose_files,
    grid_for_users_of_a_file,
]
