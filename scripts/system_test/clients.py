"""The clients: curl, lftp, any other program, and a socket that is cut."""

import os
import socket
import struct
import subprocess

from .checks import PATIENCE, Failure, check
from .servers import PASSWORD, USER

SYSTEM_PYTHON = "/usr/bin/python3"  # has the modules of the system's packages
CLIENT_PATIENCE = 30  # seconds, in which every one is done that does not hang


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


def client(folder, *command, script="", **environment):
    """What any client says that has to end well. It begins in this folder, with a home of its own beside it, and with
    nobody's settings or proxies."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment |= {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=CLIENT_PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired as hanging:
        said = (hanging.stdout or b"").decode(errors="replace")
        raise Failure(f"{command[0]} hangs: {said[-2000:]}") from None
    check(done.returncode == 0, f"{command[0]}: exit {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
