"""The example servers besides ftpd: a store that takes its time, and a server without any runtime."""

import random
import re
import socket
import subprocess
import time

from .checks import PATIENCE, Failure, check
from .clients import curl, curl_checked
from .servers import Server, ending


def curl_waits_for_the_finish(programs, folder):
    """With a finish of five seconds, curl returns after it; while it runs, there is no file."""
    (folder / "file").write_bytes(b"content")
    with Server([programs["slow_store"], "127.0.0.1:0"]) as server:
        other = server.client()
        started = time.monotonic()
        uploading = subprocess.Popen(
            ["curl", "--disable", "--noproxy", "*", "-sS", "-v", "-T", str(folder / "file"), server.url("file")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with ending(uploading):
            looks = 0
            while uploading.poll() is None and time.monotonic() - started < 4:
                check(other.nlst() == [], "the file is there before its finish")
                looks += 1
                time.sleep(0.1)
            check(looks > 5, "curl was back at once")
            _, log = uploading.communicate(timeout=PATIENCE)
            took = time.monotonic() - started
        check(uploading.returncode == 0, f"curl: exit {uploading.returncode}: {log}")
        check(took >= 5, f"curl was back after {took:.1f} s, before the finish")
        check("< 226 " in log, log)
        check(other.nlst() == ["file"], "the file is not there after the 226")


def curl_fails_with_the_finish(programs, folder):
    """With a finish that fails, curl fails, its log says why, and nothing is stored."""
    (folder / "file").write_bytes(b"content")
    with Server([programs["slow_store"], "127.0.0.1:0"]) as server:
        done = curl("-v", "-T", str(folder / "file"), server.url("file.fail"))
        check(done.returncode != 0, "curl believes that the upload was stored")
        check("The archive refused this file; nothing was stored." in done.stderr, done.stderr)
        check("226" not in re.findall(r"^< (\d+)", done.stderr, re.MULTILINE), done.stderr)
        check(server.client().nlst() == [], "something was stored")


def sans_io_serves_curl(programs, folder):
    """The server without any runtime takes a file from curl and gives it back."""
    (folder / "file").write_bytes(random.Random(2).randbytes(1_000_000))
    with Server([programs["sans_io"], "127.0.0.1:0"]) as server:
        curl_checked("-T", str(folder / "file"), server.url("file"))
        curl_checked("-o", str(folder / "back"), server.url("file"))
        check((folder / "back").read_bytes() == (folder / "file").read_bytes(), "the content is not what was sent")
        check(curl(server.url("missing")).returncode != 0, "a missing file was found")


def sans_io_takes_no_late_connection(programs, folder):
    """The server without any runtime closes a passive port with the transfer that it was for."""

    def check_closed(port, when):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return
        raise Failure(f"the passive port is still open after {when}")

    with Server([programs["sans_io"], "127.0.0.1:0"]) as server:
        client = server.client()
        _, port = client.makepasv()
        client.sendcmd("STOR file")
        client.putline("ABOR")
        replies = [client.getmultiline()[:3], client.getmultiline()[:3]]
        check(replies == ["426", "226"], f"ABOR is answered by 426 and 226, not by {replies}")
        check_closed(port, "an ABOR")

        _, port = client.makepasv()
        client.putline("RETR missing")
        check(client.getmultiline().startswith("550 "), "a missing file was found")
        check_closed(port, "a RETR that was refused")

        _, port = client.makepasv()
        client.sendcmd("STOR file")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as data:
            data.sendall(b"content")
        client.voidresp()
        check_closed(port, "a STOR")


STEPS = [
    curl_waits_for_the_finish,
    curl_fails_with_the_finish,
    sans_io_serves_curl,
    sans_io_takes_no_late_connection,
]
