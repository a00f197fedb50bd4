"""Many clients at once: sessions in one process whose sockets are closed when and how a step wants."""

import asyncio
import re
import socket

from .checks import PATIENCE, Failure, check
from .clients import reset
from .servers import PASSWORD, USER

PIECE = 16 << 10  # bytes that are sent at a time
AT_ONCE = 200  # clients that connect at the same time: no more than a listening socket has room for


class Lost(Exception):
    """The control connection has ended before the reply came."""


class Session:
    """A client that is logged in. `beat` is called at each of its steps: each reply, and each piece that is sent."""

    def __init__(self, beat=lambda: None):
        self.beat = beat
        self.control = None
        self.data = None
        self.unread = b""

    async def log_in(self, port, source="127.0.0.1"):
        self.control = await connect(port, source)
        check((await self.reply()).startswith("220 "), "it does not greet")
        for line in (f"USER {USER}", f"PASS {PASSWORD}", "TYPE I"):
            reply = await self.command(line)
            check(reply[0] in "23", f"{line.split()[0]} is answered by {reply}")
        return self

    async def reply(self):
        """The next reply's last line."""
        loop = asyncio.get_running_loop()
        while True:
            line, end, rest = self.unread.partition(b"\r\n")
            if end:
                self.unread = rest
                if re.match(rb"\d{3} ", line):
                    self.beat()
                    return line.decode()
                continue
            try:
                more = await loop.sock_recv(self.control, 4096)
            except OSError as error:
                raise Lost(error) from error
            if not more:
                raise Lost("closed")
            self.unread += more

    async def command(self, line):
        try:
            await asyncio.get_running_loop().sock_sendall(self.control, line.encode() + b"\r\n")
        except OSError as error:
            raise Lost(error) from error
        return await self.reply()

    async def begin(self, command, announced=None):
        """Opens a data connection and gives the command for it; its first reply."""
        if announced is not None:
            await self.command(f"ALLO {announced}")
        reply = await self.command("EPSV")
        found = re.search(r"\|\|\|(\d+)\|", reply)
        if not found:
            return reply
        try:
            self.data = await connect(int(found[1]), self.control.getsockname()[0])
        except OSError as error:
            raise Lost(error) from error
        return await self.command(command)

    async def send(self, content):
        """Sends as much as the server takes. If it takes no more, its reply says why."""
        loop = asyncio.get_running_loop()
        try:
            for at in range(0, len(content), PIECE):
                await loop.sock_sendall(self.data, content[at : at + PIECE])
                self.beat()
        except OSError:
            pass

    async def store(self, command, content, announced=None):
        """Stores a file; the final reply, or None if there was none."""
        try:
            reply = await self.begin(command, announced)
            if reply.startswith("1"):
                await self.send(content)
                self.data.close()
                reply = await self.reply()
            return reply
        except Lost:
            return None

    async def quit(self):
        reply = await self.command("QUIT")
        check(reply.startswith("221 "), f"QUIT is answered by {reply}")
        self.close()

    def close(self, how=socket.socket.close):
        """Closes both connections, the control connection first, as long as they are open."""
        for connection in (self.control, self.data):
            if connection is not None and connection.fileno() >= 0:
                how(connection)

    def reset(self):
        self.close(reset)


async def connect(port, source):
    connection = socket.socket()
    connection.setblocking(False)
    try:
        if source != "127.0.0.1":
            connection.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


async def log_in_all(port, count, beat=lambda: None):
    """So many sessions that are open at the same time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def log_in():
        async with turns:
            return await Session(beat).log_in(port)

    return await asyncio.gather(*(log_in() for _ in range(count)))


def run(clients):
    """Runs clients to their end, which comes in bounded time."""

    async def bounded():
        return await asyncio.wait_for(clients, PATIENCE)

    try:
        return asyncio.run(bounded())
    except asyncio.TimeoutError as error:
        raise Failure("the clients do not come to an end") from error
    except Lost as error:
        raise Failure(f"the server has closed a control connection: {error}") from error
