"""Clients that upload through HAProxy without an end, and break off now and then."""

import contextlib
import ftplib
import ssl
import subprocess
import threading
import time

from .checks import PATIENCE
from .clients import reset
from .ledger import Upload
from .servers import PASSWORD, USER, ending
from .tls import Resuming

MIB = 1 << 20
HOST = "127.0.0.1"
# What is lost when a server goes, a connection is reset, or TLS ends without a close_notify.
LOST = (EOFError, OSError)


def log_in(port, is_protected):
    if is_protected:
        client = Resuming(context=ssl._create_unverified_context(), timeout=PATIENCE)
    else:
        client = ftplib.FTP(timeout=PATIENCE)
    client.trust_server_pasv_ipv4_address = True  # it has to be HAProxy's
    client.connect(HOST, port)
    client.login(USER, PASSWORD)
    if is_protected:
        client.prot_p()
    client.voidcmd("TYPE I")
    return client


def begin(client, upload, length, is_announced):
    """Sends the first bytes of a file; its data connection."""
    if is_announced:
        client.voidcmd(f"ALLO {upload.size}")
    data = client.transfercmd(f"STOR {upload.name}")
    # A server that takes no more says why.
    with contextlib.suppress(OSError):
        data.sendall(upload.content[:length])
    return data


def store(client, upload):
    """Stores a file; the final reply."""
    data = begin(client, upload, upload.size, False)
    with contextlib.suppress(OSError):
        if isinstance(data, ssl.SSLSocket):
            data = data.unwrap()
    data.close()
    return client.getmultiline()


def store_and_reset(client, upload, length, is_announced):
    """Resets the data connection behind some bytes; the final reply."""
    reset(begin(client, upload, length, is_announced))
    return client.getmultiline()


def store_and_abort(client, upload, length):
    """Gives ABOR behind some bytes; the final reply to the upload."""
    data = begin(client, upload, length, False)
    client.putline("ABOR")
    reply = client.getmultiline()
    client.getmultiline()
    data.close()
    return reply


def store_and_die(port, upload, local, seconds, is_announced):
    """curl stores a file and is killed after some seconds, unless it is done; the reply that it had read."""
    local.write_bytes(upload.content)
    options = ["--ssl-reqd", "--insecure"] if upload.is_protected else []
    if is_announced:
        options += ["--quote", f"+ALLO {upload.size}"]
    command = [
        "curl", "--disable", "--noproxy", "*", "--silent", "--write-out", "%{response_code}", "--limit-rate", str(upload.size),
        *options, "--upload-file", str(local), f"ftp://{USER}:{PASSWORD}@{HOST}:{port}/{upload.name}",
    ]  # fmt: skip
    uploading = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    with ending(uploading):
        with contextlib.suppress(subprocess.TimeoutExpired):
            code, _ = uploading.communicate(timeout=seconds)
            # Where the connection was lost, it is a code of an earlier reply.
            return code if code == "226" or code[0] in "45" else None
    return None


class Client(threading.Thread):
    """A client with names of its own."""

    def __init__(self, number, port, bucket, ledger, choices, folder):
        super().__init__(name=f"client {number}")
        self.prefix, self.port, self.bucket, self.ledger = f"client{number}", port, bucket, ledger
        self.choices, self.local = choices, folder / f"client{number}"
        self.is_over = threading.Event()
        self.names, self.number = [], 0
        self.sessions = {}
        self.error = None

    def run(self):
        try:
            while not self.is_over.is_set():
                self.number += 1
                self.upload(self.choose())
        except Exception as error:  # told by whoever waits for this
            self.error = error

    def choose(self):
        """The next upload: to a new name, or to one whose content has been looked at first."""
        choices = self.choices
        if self.names and choices.random() < 0.4:
            name = choices.choice(self.names)
            self.ledger.compare(name, self.look(name))
        else:
            name = f"{self.prefix}-{self.number}"
            self.names.append(name)
        manner = choices.choices(("whole", "reset", "ABOR", "killed"), (70, 10, 8, 12))[0]
        sizes = (choices.randint(1, 999), MIB, choices.randint(18 * MIB, 22 * MIB), 0)
        # Of nothing no part can be sent. And an empty file that replaces an empty one could not be told from it.
        may_be_empty = manner == "whole" and name == f"{self.prefix}-{self.number}"
        size = choices.choices(sizes, (35, 40, 15, 10 if may_be_empty else 0))[0]
        return Upload(name, self.number, size, choices.random() < 0.5, manner)

    def look(self, name):
        """What the bucket holds, which may have to be asked again while a node is killed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.bucket.find(name)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def upload(self, upload):
        if upload.manner == "killed":
            reply = store_and_die(self.port, upload, self.local, self.choices.uniform(0, 1.5), not upload.is_protected)
        else:
            client = self.session(upload.is_protected)
            upload.began = time.monotonic()
            reply = self.transfer(client, upload)
        upload.end(reply)
        self.ledger.enter(upload)

    def transfer(self, client, upload):
        """The final reply, or None if it was not read. What is cut in clear has to be announced."""
        length = self.choices.randrange(upload.size) if upload.size else 0
        try:
            match upload.manner:
                case "whole":
                    return store(client, upload)
                case "reset":
                    return store_and_reset(client, upload, length, not upload.is_protected)
                case "ABOR":
                    return store_and_abort(client, upload, length)
        except (ftplib.error_temp, ftplib.error_perm) as error:
            return str(error)
        except LOST:
            self.sessions.pop(upload.is_protected).close()
            return None

    def session(self, is_protected):
        """A session, whose front end may be killed while it begins."""
        deadline = time.monotonic() + PATIENCE
        while is_protected not in self.sessions:
            try:
                self.sessions[is_protected] = log_in(self.port, is_protected)
            except (*LOST, ftplib.Error):
                self.ledger.counts["log-ins that failed"] += 1
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        return self.sessions[is_protected]

    def end(self):
        self.is_over.set()
        self.join()
        for client in self.sessions.values():
            client.close()
        if self.error:
            raise self.error
