"""A Tahoe-LAFS grid on this machine: an introducer, four storage servers, and a gateway.

Tahoe-LAFS comes from PyPI and stays in the build folder. Two shares of a file are enough to read it, three servers are
needed to store one. All traffic to a storage server goes through a relay, which can slow it down.
"""

import atexit
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import quote

from .checks import PATIENCE, Failure, NotRun, check, wait_until
from .ports import HOST, free_port
from .servers import ROOT

REQUIREMENTS = pathlib.Path(__file__).with_name("tahoe-requirements.txt")
SERVERS = 4
SHARES = ("--shares-needed=2", "--shares-happy=3", "--shares-total=4")
BOOT_PATIENCE = 180  # seconds; six interpreters start at once
BOOTS = 3  # grids, and then no further one
ANSWER_PATIENCE = 10  # seconds
PAUSE = 0.1  # seconds between two questions to a grid that comes together
RUNS = re.compile(r"(introducer|client) running\n")
# What each node says, and nobody wants to read when it fails.
NOISE = re.compile(r"(Starting|Stopping) factory|GET /\?t=json|logging|flogtool|twistd.log|UnixAppLogger|^\s*$")
LAST_LINES = 12
LINE_LENGTH = 200


def tahoe():
    """The tahoe command, installed if need be."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    folder = target / "system-test" / "tahoe"
    command, ready = folder / "bin" / "tahoe", folder / "ready"
    if not ready.exists() or ready.read_text() != REQUIREMENTS.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        for arguments in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
        ):
            installed = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if installed.returncode != 0:
                raise NotRun(f"Tahoe-LAFS cannot be installed: {installed.stderr[-500:]}", could_be=True)
        ready.write_text(REQUIREMENTS.read_text())
    return str(command)


class Relay:
    """Passes connections on to a storage server, and lets each request wait."""

    def __init__(self, target):
        self.target, self.latency = target, 0.0
        self.listener = socket.create_server((HOST, free_port()))
        self.port = self.listener.getsockname()[1]
        self.has_ended = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                if self.has_ended:
                    return
                raise
            threading.Thread(target=self._relay, args=(near,), daemon=True).start()

    def end(self):
        self.has_ended = True
        # Close alone would leave the thread in accept.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

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

    def __init__(self, folder, port, *create):
        self.folder, self.port = folder, port
        self.output = folder / "output"
        self.process = None  # as long as it is not meant to run
        self.before = 0  # bytes of output from earlier processes
        self.has_listened = False
        self.creation = subprocess.Popen(
            [tahoe(), *create, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def wait_created(self):
        output, _ = self.creation.communicate(timeout=BOOT_PATIENCE)
        check(self.creation.returncode == 0, f"tahoe does not create a node: {output[-1000:]}")

    def start(self):
        # It ends when its standard input does, so it does not outlive this script.
        with open(self.output, "ab") as output:
            self.before, self.has_listened = output.tell(), False
            self.process = subprocess.Popen(
                [tahoe(), "run", str(self.folder)], stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def is_started(self):
        return self.process is not None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def end(self):
        self.creation.kill()
        self.creation.wait()
        self.kill()

    def said(self):
        with open(self.output, errors="replace") as output:
            output.seek(self.before)
            return output.read()

    def listens(self):
        self.has_listened = self.has_listened or f"starting on {self.port}\n" in self.said()
        return self.has_listened

    def trouble(self):
        """Why it will never answer, or None. Where the port of a Tub is taken, a node says nothing, and runs on deaf."""
        if self.process is None:
            return None
        if self.process.poll() is not None:
            return f"ended with exit status {self.process.returncode}"
        # It says that it runs after it has said where it listens.
        if not self.has_listened and RUNS.search(self.said()) and not self.listens():
            return f"runs and does not listen on its port {self.port}"
        return None

    def report(self):
        """Whether it runs, and the last that it said."""
        state = "was not started" if self.process is None else self.trouble() or "runs"
        lines = [f"{self.folder.name} {state}"]
        for log in (self.output, self.folder / "logs" / "twistd.log"):
            if log.exists():
                said = [line for line in log.read_text(errors="replace").splitlines() if not NOISE.search(line)]
                lines += [f"    {log.name}: {line[:LINE_LENGTH]}" for line in said[-LAST_LINES:]]
        return "\n".join(lines)


class Grid:
    """A grid that runs until it is ended."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="sansftp-grid-")
        self.nodes, self.relays, self.storage = [], [], []
        atexit.register(self.end)
        folder = pathlib.Path(self.temporary.name)
        port = free_port()
        self.introducer = self._node(folder / "introducer", port, "create-introducer", *listening(port, port))
        for number in range(SERVERS):
            relay = Relay(free_port())
            self.relays.append(relay)
            create = ("create-node", "--webport=none", *SHARES, *listening(relay.target, relay.port))
            self.storage.append(self._node(folder / f"storage{number}", relay.target, *create))
        port = free_port()
        create = ("create-client", f"--webport=tcp:{port}:interface={HOST}", *SHARES)
        self.gateway = self._node(folder / "gateway", port, *create)
        self.url = f"http://{HOST}:{port}"

    def _node(self, folder, port, *create):
        node = Node(folder, port, *create)
        self.nodes.append(node)
        return node

    def boot(self):
        """Starts all nodes; whether they find each other is not yet known."""
        for node in self.nodes:
            node.wait_created()
        self.introducer.start()
        furl = self.introducer.folder / "private" / "introducer.furl"
        # A node whose first attempts fail to reach it would try again later and later.
        wait_until(lambda: self.is_introduced(furl), lambda: self.told("the introducer does not start"), BOOT_PATIENCE, PAUSE)
        known = json.dumps({"introducers": {"here": {"furl": furl.read_text().strip()}}})
        for node in (*self.storage, self.gateway):
            (node.folder / "private" / "introducers.yaml").write_text(known)
            settings = node.folder / "tahoe.cfg"
            settings.write_text(settings.read_text().replace("reserved_space = 1G", "reserved_space = 0"))
            node.start()

    def is_introduced(self, furl):
        self.check_nodes()
        return self.introducer.listens() and furl.exists() and furl.read_text().strip()

    def check_nodes(self):
        """Fails if one is gone, or deaf, that nobody has killed."""
        for node in self.nodes:
            if trouble := node.trouble():
                raise Failure(self.told(f"the node {node.folder.name} {trouble}"))

    def told(self, reason):
        """A reason why the grid is of no use, and all there is to know about it."""
        try:
            seen = json.dumps(self.connections(), indent=4)
        except (OSError, ValueError, http.client.HTTPException) as error:
            seen = f"nothing: {type(error).__name__}: {error}"
        return "\n".join((reason, *(node.report() for node in self.nodes), f"the gateway reports {seen}"))

    def ask(self, method, path, body=None, patience=PATIENCE):
        """Status and body of the gateway's answer."""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers={"Accept": "text/plain"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=patience) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def connections(self):
        """The state of the gateway's connections: to the introducer, and to each storage server that it knows."""
        told = json.loads(self.ask("GET", "/?t=json", patience=ANSWER_PATIENCE)[1])
        if not isinstance(told, dict) or "servers" not in told:
            raise ValueError(f"this is no gateway: {told!r}")
        servers = {server["nodeid"]: server["connection_status"] for server in told["servers"]}
        return {"introducers": told["introducers"]["statuses"], "servers": servers}

    def connected(self):
        """To how many storage servers the gateway is connected."""
        self.check_nodes()
        try:
            states = self.connections()["servers"].values()
        except (OSError, ValueError, http.client.HTTPException):
            return 0
        return sum(state.lower().startswith("connected") for state in states)

    def can_store(self):
        self.check_nodes()
        try:
            return self.ask("PUT", "/uri?format=CHK", os.urandom(100))[0] in (200, 201)
        except (OSError, http.client.HTTPException):
            return False

    def wait_whole(self):
        """Waits until all storage servers are there, and a file can be stored."""
        all_there = lambda: self.connected() == SERVERS
        wait_until(all_there, lambda: self.told(f"the gateway does not find {SERVERS} servers"), BOOT_PATIENCE, PAUSE)
        wait_until(self.can_store, lambda: self.told("nothing can be stored"), BOOT_PATIENCE, PAUSE)

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
            if not node.is_started():
                node.start()
        self.wait_whole()

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
        atexit.unregister(self.end)
        for part in (*self.nodes, *self.relays):
            part.end()
        self.temporary.cleanup()


def listening(port, seen):
    return "--listen=tcp", f"--port=tcp:{port}:interface={HOST}", f"--location=tcp:{HOST}:{seen}"


class SharedGrid:
    """The grid of all steps. One that does not come together gives way to another one, a few times and no more."""

    def __init__(self):
        self.grid, self.boots, self.lack = None, 0, None

    def whole(self):
        while self.lack is None:
            try:
                if self.grid is None:
                    tahoe()
                    self.boots += 1
                    self.grid = Grid()
                    self.grid.boot()
                self.grid.heal()
                return self.grid
            except NotRun as lack:
                self.lack = lack
            except (Failure, OSError, subprocess.SubprocessError) as failure:
                print(f"grid {self.boots} of at most {BOOTS}: {type(failure).__name__}: {failure}", flush=True)
                if self.boots == BOOTS:
                    self.lack = Failure(f"no grid comes together: {str(failure).splitlines()[0]}; see above")
            if self.grid is not None:
                self.grid.end()
                self.grid = None
        raise self.lack


_shared = SharedGrid()


def shared_grid():
    """The grid of all steps, whole and fast."""
    return _shared.whole()
