"""A Tahoe-LAFS grid on this machine: an introducer, four storage servers, and a gateway.

Tahoe-LAFS comes from PyPI and stays in the build folder. Two shares of a file are enough to read it, three servers are
needed to store one. All traffic to a storage server goes through a relay, which can slow it down.
"""

import atexit
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import quote

from .checks import PATIENCE, NotRun, check, wait_until
from .servers import ROOT

VERSION = "1.20.0"
HOST = "127.0.0.1"
SERVERS = 4
SHARES = ("--shares-needed=2", "--shares-happy=3", "--shares-total=4")
BOOT_PATIENCE = 180  # seconds; six interpreters start at once


def tahoe():
    """The tahoe command, installed if need be."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    folder = target / "system-test" / f"tahoe-{VERSION}"
    command, ready = folder / "bin" / "tahoe", folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        for arguments in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"tahoe-lafs=={VERSION}"],
        ):
            installed = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if installed.returncode != 0:
                raise NotRun(f"Tahoe-LAFS cannot be installed: {installed.stderr[-500:]}", could_be=True)
        ready.touch()
    return str(command)


def free_port():
    """A port below those that the system gives to connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as one:
            try:
                one.bind((HOST, port))
                return port
            except OSError:
                continue


class Relay:
    """Passes connections on to a storage server, and lets each request wait."""

    def __init__(self, target):
        self.target, self.latency = target, 0.0
        self.listener = socket.create_server((HOST, free_port()))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, near):
        try:
            far = socket.create_connection((HOST, self.target))
        except OSError:
            near.close()
            return
        is_answered = threading.Event()
        is_answered.set()
        back = threading.Thread(target=self._copy, args=(far, near, is_answered.set), daemon=True)
        back.start()

        def wait():
            if is_answered.is_set():  # otherwise this is more of the same request
                is_answered.clear()
                time.sleep(self.latency)

        self._copy(near, far, wait)
        back.join()
        near.close()
        far.close()

    @staticmethod
    def _copy(source, target, before):
        try:
            while data := source.recv(65536):
                before()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Node:
    """One process of the grid."""

    def __init__(self, folder, *create):
        self.folder, self.process = folder, None
        self.creation = subprocess.Popen(
            [tahoe(), *create, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def wait_created(self):
        output, _ = self.creation.communicate(timeout=BOOT_PATIENCE)
        check(self.creation.returncode == 0, f"tahoe does not create a node: {output[-1000:]}")

    def start(self):
        # It ends when its standard input does, so it does not outlive this script.
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [tahoe(), "run", str(self.folder)], stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.is_running():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class Grid:
    """A grid that runs until this script ends."""

    def __init__(self, folder):
        self.nodes = []
        self.introducer = self._node(folder / "introducer", "create-introducer", *listening(port := free_port(), port))
        self.relays, self.storage = [], []
        for number in range(SERVERS):
            relay = Relay(free_port())
            create = ("create-node", "--webport=none", *SHARES, *listening(relay.target, relay.port))
            self.relays.append(relay)
            self.storage.append(self._node(folder / f"storage{number}", *create))
        self.port = free_port()
        create = ("create-client", f"--webport=tcp:{self.port}:interface={HOST}", *SHARES)
        self.gateway = self._node(folder / "gateway", *create)
        self.url = f"http://{HOST}:{self.port}"

    def _node(self, folder, *create):
        node = Node(folder, *create)
        self.nodes.append(node)
        return node

    def boot(self):
        for node in self.nodes:
            node.wait_created()
        self.introducer.start()
        furl = self.introducer.folder / "private" / "introducer.furl"
        wait_until(lambda: furl.exists() and furl.read_text().strip(), "the introducer does not start", BOOT_PATIENCE)
        known = json.dumps({"introducers": {"here": {"furl": furl.read_text().strip()}}})
        for node in (*self.storage, self.gateway):
            (node.folder / "private" / "introducers.yaml").write_text(known)
            settings = node.folder / "tahoe.cfg"
            settings.write_text(settings.read_text().replace("reserved_space = 1G", "reserved_space = 0"))
            node.start()
        self.wait_for(SERVERS)

    def ask(self, method, path, body=None):
        """Status and body of the gateway's answer."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers={"Accept": "text/plain"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def connected(self):
        try:
            servers = json.loads(self.ask("GET", "/?t=json")[1])["servers"]
        except (OSError, ValueError):
            return 0
        return sum(server["connection_status"].lower().startswith("connected") for server in servers)

    def wait_for(self, servers):
        """Waits until so many storage servers are there, and a file can be stored if that is enough."""
        wait_until(lambda: self.connected() == servers, "the gateway finds no servers", BOOT_PATIENCE)
        if servers == SERVERS:
            store = lambda: self.ask("PUT", "/uri?format=CHK", os.urandom(100))[0] in (200, 201)
            wait_until(store, "nothing can be stored", BOOT_PATIENCE)

    def slow(self, latency):
        """Lets each request to a storage server wait so long. An upload of a small file makes about ten, one by one."""
        for relay in self.relays:
            relay.latency = latency

    def kill(self, count):
        for node in self.storage[:count]:
            node.kill()

    def heal(self):
        """All as it was at first."""
        self.slow(0)
        for node in self.storage:
            if not node.is_running():
                node.start()
        self.wait_for(SERVERS)

    def new_root(self):
        status, cap = self.ask("POST", "/uri?t=mkdir")
        check(status == 200, f"no directory is made: {status} {cap[-500:]}")
        return cap.decode()

    def content(self, root, path):
        """What the gateway says of a file: its bytes, or None if it is not there."""
        status, body = self.ask("GET", f"/uri/{root}/{quote(path)}")
        check(status in (200, 404), f"{path}: {status} {body[-500:]}")
        return body if status == 200 else None

    def names(self, root):
        return sorted(json.loads(self.ask("GET", f"/uri/{root}?t=json")[1])[1]["children"])

    def end(self):
        for node in self.nodes:
            node.kill()


def listening(port, seen):
    return "--listen=tcp", f"--port=tcp:{port}:interface={HOST}", f"--location=tcp:{HOST}:{seen}"


_running = []


def shared_grid():
    """The grid of all steps, whole and fast."""
    if not _running:
        tahoe()
        folder = tempfile.TemporaryDirectory(prefix="sansftp-grid-")
        grid = Grid(pathlib.Path(folder.name))
        atexit.register(lambda: (grid.end(), folder.cleanup()))
        _running.append(grid)
        grid.boot()
    _running[0].heal()
    return _running[0]
