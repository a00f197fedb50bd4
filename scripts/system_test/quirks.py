"""Programs with ways of their own: patterns, links, old dates, scripts, and replies that have to come one by one."""

import contextlib
import os
import re

from .checks import check
from .clients import SYSTEM_PYTHON, client, lftp
from .servers import PASSWORD, USER, ftpd
from .trees import check_same

PROGRAMS = ("tnftp", "inetutils-ftp", "ncftpget", "wget", "rclone", "nc", "snarf")
NCFTP = ("-V", "-r", "0", "-t", "20", "-u", USER, "-p", PASSWORD)


@contextlib.contextmanager
def serving(programs, folder, *options, files=()):
    """A server of these files, and the folder beside theirs that clients begin in."""
    served, got = folder / "served", folder / "got"
    got.mkdir()
    write_files(served, dict(files))
    with ftpd(programs, served, *options) as server:
        yield server, served, got


def write_files(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def make_links(folder, targets):
    for name, target in targets.items():
        (folder / name).symlink_to(target)


def check_files(folder, expected, who):
    """Exactly these files are below the folder, behind links to directories, too."""
    found = {}
    for parent, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    check(not wrong, f"{who}: these are not what they should be: {wrong}; {sorted(found)} are there")


def empty(folder):
    for parent, directories, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(parent, name))
        for name in directories:
            path = os.path.join(parent, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)


SHEETS = {
    "reports/c.csv": b"third\n" * 3000, "reports/a.csv": b"first\n", "reports/b 2.csv": b"second\n" * 20_000
}  # fmt: skip
OTHERS = {"reports/notes.txt": b"notes\n", "reports/.hidden.csv": b"hidden\n"}


def sheets():
    """The files that the pattern is for, by what they are called where the client puts them."""
    return {name.removeprefix("reports/"): content for name, content in SHEETS.items()}


def mget_takes_a_pattern(programs, folder):
    """mget of tnftp and inetutils' ftp, and ncftpget, get the files that a pattern names, and nothing else."""
    with serving(programs, folder, files=SHEETS | OTHERS) as (server, _, got):
        for program in ("tnftp", "inetutils-ftp"):
            log_in = f"open 127.0.0.1 {server.port}\nuser {USER} {PASSWORD}\nbinary\nprompt\ncd reports\n"
            said = client(got, program, "-n", "-v", script=f"{log_in}mget *.csv\nbye\n")
            check_files(got, sheets(), f"{program} {said[-1000:]}")
            empty(got)
            said = client(got, program, "-n", "-v", script=f"{log_in}mget [ab]*.c?[!u] notes.*\nbye\n")
            expected = {**sheets(), "notes.txt": b"notes\n"}
            del expected["c.csv"]
            check_files(got, expected, f"{program} {said[-1000:]}")
            empty(got)
            client(got, program, "-n", "-v", script=f"{log_in}mget *.none\nbye\n")
            check_files(got, {}, f"{program}, with a pattern that nothing has")
        client(got, "ncftpget", *NCFTP, "-P", str(server.port), "127.0.0.1", ".", "/reports/*.csv")
        check_files(got, sheets(), "ncftpget")


WILDCARD = """
import pycurl, sys
curl = pycurl.Curl()
with open("came", "wb") as came:
    for option, value in {
        pycurl.URL: sys.argv[1], pycurl.WILDCARDMATCH: 1, pycurl.PROXY: "", pycurl.TIMEOUT: 50, pycurl.WRITEDATA: came
    }.items():
        curl.setopt(option, value)
    curl.perform()
"""


def libcurl_takes_a_wildcard(programs, folder):
    """libcurl's wildcard download of a directory with links and folders gets the files that it names, in order."""
    with serving(programs, folder, files=SHEETS | OTHERS | {"reports/old.csv/file": b"old\n"}) as (server, served, got):
        write_files(folder, {"outside": b"outside\n"})
        links = {"link.csv": "a.csv", "lost.csv": "nowhere", "out.csv": folder / "outside", "up.csv": ".."}
        make_links(served / "reports", links)
        client(got, SYSTEM_PYTHON, "-I", "-c", WILDCARD, server.url("reports/") + "*.csv")
        # It leaves out folders, and links, which are listed as such. All that comes is one file here.
        expected = {**SHEETS, "reports/.hidden.csv": b"hidden\n"}
        check_files(got, {"came": b"".join(expected[name] for name in sorted(expected))}, "libcurl")


# Links to nothing that a client could get, or to what never ends.
ASTRAY = {
    "nowhere": "nothing",
    "round": "round",
    "here": ".",
    "deep/up": "../..",
    "out": "../../outside/secret",
    "out there": "../../outside",
}


def make_linked_tree(served):
    """Files behind links, and links that no client can follow to their end."""
    write_files(served, {"tree/real/file": b"content\n", "tree/deep/er/file": b"deeper\n"})
    write_files(served.parent, {"outside/secret": b"secret\n"})
    make_links(served / "tree", {"to a file": "real/file", "to a folder": "deep"})
    make_links(served / "tree", ASTRAY)


BEHIND_LINKS = {
    "real/file": b"content\n",
    "to a file": b"content\n",
    "deep/er/file": b"deeper\n",
    "to a folder/er/file": b"deeper\n",
}


def mirrors_follow_links(programs, folder):
    """lftp, wget and ncftpget copy a tree with links: what is behind them comes, of what leads outside or round nothing
    does. rclone, for which all is a file that is no folder, copies it without such links."""
    with serving(programs, folder) as (server, served, got):
        make_linked_tree(served)
        lftp(server, f"mirror /tree {got}", "set ftp:ssl-allow false;")
        check_files(got, BEHIND_LINKS, "lftp")
        empty(got)
        # A link to a folder is nothing that wget follows.
        by_wget = {name: content for name, content in BEHIND_LINKS.items() if not name.startswith("to a folder")}
        options = ("--no-verbose", "--tries=1", "--recursive", "--no-host-directories", "--cut-dirs=1")
        client(got, "wget", *options, server.url("tree/"))
        check_files(got, by_wget, "wget")
        empty(got)
        client(got, "ncftpget", *NCFTP, "-R", "-P", str(server.port), "127.0.0.1", ".", "/tree")
        check_files(got / "tree", BEHIND_LINKS, "ncftpget")
        empty(got)
        for name in ASTRAY:
            (served / "tree" / name).unlink()
        rclone(server, got, "copy", ":ftp:tree", ".")
        check_files(got, BEHIND_LINKS, "rclone")


def rclone(server, folder, *command):
    obscured = client(folder, "rclone", "obscure", PASSWORD).strip()
    account = ("--ftp-host", "127.0.0.1", "--ftp-port", str(server.port), "--ftp-user", USER, "--ftp-pass", obscured)
    return client(folder, "rclone", *command, "--retries", "1", "--low-level-retries", "1", *account)


TIMES = {
    "1960": -315_619_200, "a second before 1970": -1, "1970": 0, "leap day": 1_709_208_000, "behind 2038": 2_208_988_801
}  # fmt: skip


def rclone_keeps_old_dates(programs, folder):
    """rclone copies files of 1960 to 2040 up and down with their times; asked again, it finds nothing to do."""
    local = folder / "local"
    write_files(local, {f"some/{name}": name.encode() * 1000 for name in TIMES})
    for name, seconds in TIMES.items():
        os.utime(local / "some" / name, (seconds, seconds))
    with serving(programs, folder) as (server, served, got):
        for source, target, where in ((str(local), ":ftp:", served), (":ftp:", ".", got)):
            rclone(server, got, "copy", source, target)
            check(check_same(local, where, f"{source} to {target}") == len(TIMES), "that were other files")
            for name, seconds in TIMES.items():
                found = int((where / "some" / name).stat().st_mtime)
                check(found == seconds, f"{source} to {target}: {name} is {found - seconds} s later")
            rclone(server, got, "copy", source, target)
        moved = len(re.findall(r'verb="(?:STOR|RETR)"', server.messages()))
        check(moved == 2 * len(TIMES), f"{moved} files were moved, and {len(TIMES)} each way was all there was to do")


def nc_plays_a_script(programs, folder):
    """nc with a script that ends at once: all that it says is executed and answered, with QUIT and without."""
    with serving(programs, folder) as (server, served, got):
        for number in range(20):
            script = f"USER {USER}\r\nPASS {PASSWORD}\r\n"
            script += f"MKD folder{number}\r\nRNFR folder{number}\r\nRNTO kept{number}\r\n"
            codes = ["220", "331", "230", "257", "350", "250"]
            if number % 2:
                script, codes = f"{script}QUIT\r\n", [*codes, "221"]
            said = client(got, "nc", "-N", "127.0.0.1", str(server.port), script=script)
            check(re.findall(r"^\d{3}", said, re.MULTILINE) == codes, f"script {number}: {said}")
        made = sorted(path.name for path in served.iterdir())
        check(made == sorted(f"kept{number}" for number in range(20)), f"{made}")


def snarf_gets_small_files(programs, folder):
    """snarf, which hangs where a small file's 226 comes together with its 125, gets twenty of them."""
    files = {f"{number}.txt": b"small\n" * number for number in range(20)}
    with serving(programs, folder, files=files) as (server, _, got):
        for name in files:
            client(got, "snarf", server.url(name), name)
        check_files(got, files, "snarf")


STEPS = [
    mget_takes_a_pattern,
    libcurl_takes_a_wildcard,
    mirrors_follow_links,
    rclone_keeps_old_dates,
    nc_plays_a_script,
    snarf_gets_small_files,
]
