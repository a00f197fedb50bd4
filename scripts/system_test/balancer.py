"""HAProxy, as one runs it between clients, several ftpd, and the nodes of a cluster.

Control connections go to the front ends by turns. A data connection has to reach the front end that waits for it, so
each of them has passive ports of its own, which HAProxy passes on to it under the same numbers. What the front ends
store goes through HAProxy, too, so that none of them depends on one node.
"""

import csv
import io
import subprocess
import urllib.request

from .checks import check, wait_until
from .ports import HOST, free_port

PORTS = 100  # for the passive data connections of a front end
# Longer than the longest upload, during which nothing passes on the control connection. And when HAProxy gives up a
# data connection that stalls, ftpd sees an end in good order; so ftpd has to be the one who gives up, after 5 minutes.
TIMEOUT = "1d"


class Balancer:
    """HAProxy between clients and `fronts` (address, control port and passive ports of each) and before `nodes`."""

    def __init__(self, folder, fronts, nodes):
        self.configuration, self.log = folder / "haproxy.cfg", folder / "haproxy.log"
        self.fronts, self.nodes = fronts, nodes
        self.port, self.s3, self.statistics = free_port(), free_port(), free_port()
        self.configuration.write_text(self._text())
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["haproxy", "-db", "-f", str(self.configuration)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def url(self):
        return f"http://{HOST}:{self.s3}"

    def _text(self):
        fronts = "\n".join(f"    server {front.name} {front.address}:{front.port} check" for front in self.fronts)
        nodes = "\n".join(f"    server {node.name} {HOST}:{node.s3} check port {node.admin}" for node in self.nodes)
        data = "\n".join(
            f"listen data-of-{front.name}\n    bind {HOST}:{front.passive[0]}-{front.passive[-1]}\n"
            f"    server {front.name} {front.address}"
            for front in self.fronts
        )
        return f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client {TIMEOUT}
    timeout server {TIMEOUT}
    default-server inter 500ms fall 2 rise 1
    option redispatch 1
    balance roundrobin

listen control
    bind {HOST}:{self.port}
    option tcp-check
    tcp-check expect rstring ^220
{fronts}

{data}

listen s3
    mode http
    bind {HOST}:{self.s3}
    option httpchk GET /health
    http-check expect status 200
{nodes}

listen statistics
    mode http
    bind {HOST}:{self.statistics}
    stats enable
    stats uri /
"""

    def states(self):
        """Of each server of a part with checks, what HAProxy takes it for."""
        check(self.process.poll() is None, f"HAProxy ended: {self.log.read_text()[-1000:]}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{HOST}:{self.statistics}/;csv", timeout=5) as answer:
                rows = csv.DictReader(io.StringIO(answer.read().decode().lstrip("# ")))
                return {row["svname"]: row["status"] for row in rows if row["pxname"] in ("control", "s3")}
        except OSError:
            return {}

    def wait_for(self, name, state="UP"):
        wait_until(lambda: self.states().get(name) == state, f"HAProxy does not find {name} {state}")

    def wait_all(self):
        for one in (*self.fronts, *self.nodes):
            self.wait_for(one.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
