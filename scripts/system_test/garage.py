"""A Garage cluster on this machine: three nodes, each in a zone of its own, every object on all of them."""

import json
import os
import secrets
import signal
import subprocess
import urllib.request

import boto3
from botocore.config import Config

from .checks import PATIENCE, check, wait_until
from .ports import HOST, free_port
from .s3_server import BUCKET, Bucket

NODES = 3
REGION = "garage"
CAPACITY = "10G"


class Node:
    """One process of the cluster. Its folder outlives its process."""

    def __init__(self, number, folder):
        self.name = f"node{number}"
        self.zone = f"zone{number}"
        self.folder = folder / self.name
        self.folder.mkdir()
        self.configuration = self.folder / "garage.toml"
        self.rpc, self.s3, self.admin = free_port(), free_port(), free_port()
        self.token = secrets.token_hex(16)
        self.process = None

    def configure(self, rpc_secret):
        self.configuration.write_text(f"""
metadata_dir = "{self.folder}/meta"
data_dir = "{self.folder}/data"
db_engine = "lmdb"
replication_factor = {NODES}
rpc_bind_addr = "{HOST}:{self.rpc}"
rpc_public_addr = "{HOST}:{self.rpc}"
rpc_secret = "{rpc_secret}"

[s3_api]
s3_region = "{REGION}"
api_bind_addr = "{HOST}:{self.s3}"

[admin]
api_bind_addr = "{HOST}:{self.admin}"
admin_token = "{self.token}"
""")

    def run(self, *arguments):
        """What a command says that is given to this node."""
        command = [os.environ["GARAGE"], "-c", str(self.configuration), *arguments]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "RUST_LOG": "error"}
        )
        check(done.returncode == 0, f"garage {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-1000:]}")
        return done.stdout

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [os.environ["GARAGE"], "-c", str(self.configuration), "server"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def ask(self, endpoint, body=None):
        """What the node's administration says, which may not be there yet."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.admin}/v2/{endpoint}", headers={"Authorization": f"Bearer {self.token}"},
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def connected(self):
        """How many nodes it sees, itself among them."""
        return self.ask("GetClusterHealth").get("connectedNodes", 0)

    def is_healthy(self):
        return self.ask("GetClusterHealth").get("status") == "healthy"

    def is_idle(self):
        """Whether it has nothing to fetch that it missed, as far as it knows."""
        answers = self.ask("ListWorkers?node=self", {}).get("success", {})
        fetching = [
            worker for workers in answers.values() for worker in workers
            if worker["name"].endswith((" sync", " queue")) or worker["name"].startswith("Block resync")
        ]  # fmt: skip
        return bool(fetching) and all(worker["state"] in ("idle", "done") for worker in fetching)


class Garage:
    """A cluster with one bucket and one key, which runs until it is left."""

    def __init__(self, folder):
        self.nodes = [Node(number, folder) for number in range(1, NODES + 1)]
        self.key, self.secret = f"GK{secrets.token_hex(12)}", secrets.token_hex(32)

    def __enter__(self):
        rpc_secret = secrets.token_hex(32)
        try:
            for node in self.nodes:
                node.configure(rpc_secret)
                node.start()
            self._set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()

    def _set_up(self):
        first = self.nodes[0]
        wait_until(lambda: all(node.connected() for node in self.nodes), "the nodes do not start")
        identities = [node.run("node", "id", "-q").strip() for node in self.nodes]
        for identity in identities[1:]:
            first.run("node", "connect", identity)
        wait_until(lambda: all(node.connected() == NODES for node in self.nodes), "the nodes do not find each other")
        for node, identity in zip(self.nodes, identities, strict=True):
            first.run("layout", "assign", "-z", node.zone, "-c", CAPACITY, identity.partition("@")[0])
        first.run("layout", "apply", "--version", "1")
        self.wait_healthy()
        first.run("key", "import", "--yes", "-n", "ftpd", self.key, self.secret)
        first.run("bucket", "create", BUCKET)
        first.run("bucket", "allow", "--read", "--write", "--key", self.key, BUCKET)

    def wait_healthy(self):
        wait_until(lambda: all(node.is_healthy() for node in self.nodes), "the cluster does not become healthy")

    def resync(self):
        """Waits until every node has what it missed. By itself Garage would look for that once in ten minutes."""
        self.wait_healthy()
        self.nodes[0].run("repair", "--all-nodes", "--yes", "tables")
        wait_until(lambda: all(node.is_idle() for node in self.nodes), "a node does not get what it missed", 2 * PATIENCE)

    def environment(self, url):
        """What ftpd is told of the bucket, with this endpoint."""
        return {
            "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": url,
        }  # fmt: skip

    def bucket(self, port):
        """The bucket as a port shows it: a node's, or the balancer's."""
        client = boto3.client(
            "s3", endpoint_url=f"http://{HOST}:{port}", region_name=REGION,
            aws_access_key_id=self.key, aws_secret_access_key=self.secret,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=50),
        )  # fmt: skip
        return Bucket(client)

    def remove_incomplete_uploads(self):
        """What an operator does about uploads that a killed front end has left."""
        self.nodes[0].run("bucket", "cleanup-incomplete-uploads", "--older-than", "0s", BUCKET)
