"""The clients: curl, lftp, and a socket that is cut."""

import os
import socket
import struct
import subprocess

from .checks import PATIENCE, check
from .servers import PASSWORD, USER


def curl(*arguments, **options):
    # No proxy of the environment, no configuration of the user's.
    command = ["curl", "--disable", "--noproxy", "*", "--silent", "--show-error", "--max-time", "300", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def curl_checked(*arguments):
    done = curl(*arguments)
    check(done.returncode == 0, f"curl {arguments[-1]}: exit {done.returncode}: {done.stderr[-2000:]}")
    return done


def curl_many(folder, pairs):
    """One curl for many files, eight at a time, each connection used again and again."""
    escape = str.maketrans({"\\": "\\\\", '"': '\\"', "\t": "\\t"})
    lines = ["parallel", "parallel-max = 8", "globoff", "ftp-create-dirs", "create-dirs"]
    for options in pairs:
        lines += [f'{name} = "{str(value).translate(escape)}"' for name, value in options.items()]
    config = folder / "curl.config"
    config.write_text("\n".join(lines))
    curl_checked("--fail-early", "--config", str(config))


def lftp(server, commands, settings="", user=(USER, PASSWORD)):
    done = lftp_done(server, commands, settings, user)
    check(done.returncode == 0, f"lftp: exit {done.returncode}: {done.stdout[-1000:]} {done.stderr[-2000:]}")


def lftp_done(server, commands, settings="", user=(USER, PASSWORD)):
    script = f"""
        {settings}
        set cmd:fail-exit true
        set net:max-retries 1
        set net:timeout {PATIENCE}
        set xfer:log false
        open -u {','.join(user)} ftp://127.0.0.1:{server.port}
        {commands}
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "LFTP_HOME": "/nonexistent"}
    return subprocess.run(
        ["lftp", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=600
    )


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
