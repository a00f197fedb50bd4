"""Ports that are free, and stay so until the server that they are for listens.

A port that was only looked for may be gone by then: another server may have got the same one, or the system may have
given it to a connection. So each is held until this script ends, by a socket that is bound to it and does not listen.
Linux lets a server listen in spite of it if the server sets SO_REUSEADDR, too, as those do that are started here.
"""

import random
import socket

HOST = "127.0.0.1"
RANGE = range(20000, 32000)  # below those that Linux gives to connections, unless it is told otherwise

_held = []


def free_port(address=HOST):
    """A port that nobody else gets."""
    return free_ports((address,), 1)[0]


def free_ports(addresses, count):
    """That many ports in a row, on all of these addresses."""
    while True:
        low = random.randrange(RANGE.start, RANGE.stop - count)
        ports = range(low, low + count)
        sockets = []
        try:
            for address in addresses:
                for port in ports:
                    sockets.append(_hold(address, port))
        except OSError:
            for one in sockets:
                one.close()
            continue
        _held.extend(sockets)
        return ports


def _hold(address, port):
    """A bound socket. Only the first of two learns from bind that it is alone, so SO_REUSEADDR comes after it."""
    one = socket.socket()
    try:
        one.bind((address, port))
    except OSError:
        one.close()
        raise
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return one
