"""The example servers as processes."""

import contextlib
import ftplib
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

from .checks import PATIENCE, check

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "me", "secret"  # as the examples have it
RUNTIMES = ("tokio", "async-std", "smol")  # cargo features, and what ftpd calls them


def build(profile, features=()):
    command = ["cargo", "build", "--locked", "--quiet", "--message-format=json", "--examples"]
    command.append(f"--features={','.join(features)}")
    if profile == "release":
        command.append("--release")
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
    if built.returncode != 0:
        sys.exit("system test: the examples do not compile")
    messages = (json.loads(line) for line in built.stdout.splitlines())
    return {
        message["target"]["name"]: message["executable"]
        for message in messages
        if message.get("executable") and "example" in message["target"]["kind"]
    }


class Server:
    """A server that runs until it is told otherwise."""

    def __init__(self, command, environment=()):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **dict(environment)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        try:
            self.port = self._read_port()
        except BaseException:
            self.end()
            raise

    def _read_port(self):
        deadline = time.monotonic() + PATIENCE
        text = b""
        while True:
            found = re.search(rb"^listening on 127\.0\.0\.\d+:(\d+)\b.*\n", text, re.MULTILINE)
            if found:
                self.announced = text.decode()
                return int(found[1])
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            check(more, f"the server does not say that it listens: {text!r} {self.messages()}")
            text += more

    def messages(self):
        # Without a seek: the server writes where this file stands.
        length = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), length, 0).decode(errors="replace")

    def url(self, path=""):
        return f"ftp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{quote(path)}"

    def client(self):
        client = ftplib.FTP(timeout=PATIENCE)
        client.connect("127.0.0.1", self.port)
        client.login(USER, PASSWORD)
        client.voidcmd("TYPE I")
        return client

    def descriptors(self):
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def resident(self):
        """Its memory in bytes, of which nothing is swapped out or estimated."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return 1024 * int(re.search(r"^Rss: +(\d+) kB$", text, re.MULTILINE)[1])

    def wait(self):
        return self.process.wait(PATIENCE)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def build_elsewhere(profile, folder):
    """The examples with all runtimes, TLS and the store of a grid, where a build with other features does not replace them."""
    return {name: shutil.copy2(program, folder) for name, program in build(profile, (*RUNTIMES, "tls", "tahoe", "accounts-file")).items()}


def ftpd(programs, folder, *options, environment=(), descriptors=None):
    """The server of a folder; `descriptors` is how many files and sockets it may have open."""
    command = [programs["ftpd"], "--listen", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", *options, str(folder)]
    if descriptors is not None:
        command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    return Server(command, environment)


@contextlib.contextmanager
def ending(process):
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
