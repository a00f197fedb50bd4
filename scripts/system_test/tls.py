"""FTPS with clients that nobody here wrote: curl, lftp, Python's ftplib, basic-ftp, and openssl on its own."""

import contextlib
import ftplib
import io
import json
import random
import re
import ssl
import subprocess
import tempfile

from .checks import PATIENCE, check
from .clients import curl, curl_checked, lftp
from .servers import PASSWORD, USER, Server, ending, ftpd
from .steps import on_each_runtime
from .trees import check_same, make_tree

SELF_SIGNED = ("--tls-self-signed", "--implicit", "127.0.0.1:0")
CONTENT = random.Random(7).randbytes(1 << 20)


def implicit_port(server):
    found = re.search(r"^listening with TLS on 127\.0\.0\.1:(\d+)$", server.announced, re.MULTILINE)
    check(found, f"the server does not say where TLS begins at once: {server.announced!r}")
    return int(found[1])


def curl_tls(programs, folder, runtime):
    """curl stores and retrieves by explicit and implicit FTPS, by TLS 1.2 and 1.3, and with CCC."""
    local, served, back = folder / "local", folder / "served", folder / "back"
    local.write_bytes(CONTENT)
    (folder / "empty").touch()
    served.mkdir()
    with ftpd(programs, served, "--runtime", runtime, *SELF_SIGNED) as server:
        explicit = server.url
        ways = [
            ("explicit", explicit, ["--ssl-reqd"]),
            ("TLS 1.2", explicit, ["--ssl-reqd", "--tls-max", "1.2"]),
            ("CCC, passive", explicit, ["--ssl-reqd", "--ftp-ssl-ccc"]),
            ("CCC, active", explicit, ["--ssl-reqd", "--ftp-ssl-ccc-mode", "active"]),
            ("implicit", lambda path: f"ftps://{USER}:{PASSWORD}@127.0.0.1:{implicit_port(server)}/{path}", []),
        ]
        for number, (way, url, options) in enumerate(ways):
            for name, source in ((f"file{number}", local), (f"empty{number}", folder / "empty")):
                curl_checked("--insecure", *options, "--upload-file", str(source), url(name))
                check((served / name).read_bytes() == source.read_bytes(), f"{way}: {name} is not what was sent")
                back.unlink(missing_ok=True)
                curl_checked("--insecure", *options, "--output", str(back), url(name))
                came = back.read_bytes() if back.exists() else b""
                check(came == source.read_bytes(), f"{way}: {name} is not what came")
            listing = curl_checked("--insecure", *options, "--list-only", url("")).stdout
            check(f"file{number}" in listing.split(), f"{way}: {listing}")
        refused = curl("--ssl-reqd", "--upload-file", str(local), explicit("unknown"))
        check(refused.returncode == 60, f"a certificate that nobody has signed was trusted: {refused.returncode}")
        return ", ".join(way for way, _, _ in ways)


def curl_without_session_ids(programs, folder, runtime):
    """25 uploads by a curl that resumes no TLS session and reads no ticket arrive whole."""
    (folder / "local").write_bytes(CONTENT)
    served = folder / "served"
    served.mkdir()
    with ftpd(programs, served, "--runtime", runtime, "--tls-self-signed") as server:
        for number in range(25):
            curl_checked(
                "--insecure", "--ssl-reqd", "--no-sessionid", "--upload-file", str(folder / "local"), server.url(f"{number}")
            )
        whole = sum((served / str(number)).read_bytes() == CONTENT for number in range(25))
        check(whole == 25, f"{whole} of 25 are whole")
        return f"{whole} of 25 whole"


LFTP_TLS = "set ssl:verify-certificate no; set ftp:ssl-force true; set ftp:ssl-protect-data true; "


def lftp_tls(programs, folder, runtime):
    """lftp (GnuTLS) mirrors 60 files up and down under --require-tls all and --require-session-reuse."""
    local, served, back = (folder / name for name in ("local", "served", "back"))
    make_tree(local, count=60, largest=100_000)
    served.mkdir()
    strict = ("--require-tls", "all", "--require-session-reuse")
    with ftpd(programs, served, "--runtime", runtime, "--tls-self-signed", *strict) as server:
        lftp(server, f"mirror --reverse {local} /tree", LFTP_TLS)
        count = check_same(local, served / "tree", "after the upload")
        lftp(server, f"mirror /tree {back}", LFTP_TLS)
        check_same(local, back, "after the download")
        return f"{count} files each way"


class Resuming(ftplib.FTP_TLS):
    """Python's client, with data connections that resume the TLS session of the control connection."""

    def ntransfercmd(self, command, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, command, rest)
        session = self.sock.session
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def python_client(server, kind=Resuming, version=None):
    context = ssl._create_unverified_context()
    if version:
        context.maximum_version = version
    client = kind(context=context, timeout=PATIENCE)
    client.connect("127.0.0.1", server.port)
    client.login(USER, PASSWORD)
    client.prot_p()
    return client


def python_tls(programs, folder, runtime):
    """Python's ftplib (OpenSSL) makes 60 transfers in a session with PROT P under --require-session-reuse."""
    strict = ("--require-tls", "all", "--require-session-reuse")
    with ftpd(programs, folder, "--runtime", runtime, "--tls-self-signed", *strict) as server:
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            client = python_client(server, version=version)
            for number in range(20):
                content = CONTENT[: 5000 * number]
                client.storbinary("STOR file", io.BytesIO(content))
                came = io.BytesIO()
                client.retrbinary("RETR file", came.write)
                check(came.getvalue() == content, f"{len(content)} bytes are not what was sent")
                check(client.nlst() == ["file"], "the listing is wrong")
                # By turns the client connects and the server does.
                client.set_pasv(not client.passiveserver)
            client.quit()
        stranger = python_client(server, kind=ftplib.FTP_TLS)
        check(is_refused(stranger.nlst), "a data connection was taken that does not resume the TLS session")
        clear = ftplib.FTP(timeout=PATIENCE)
        clear.connect("127.0.0.1", server.port)
        check(is_refused(lambda: clear.login(USER, PASSWORD)), "somebody logged in without TLS")


def is_refused(call):
    try:
        call()
    except (OSError, ftplib.Error):
        return True
    return False


BASIC_FTP = "6.2.6"
NODE_CLIENT = """
const { Client } = require("basic-ftp");
const { Readable, Writable } = require("stream");
(async () => {
    const [port, user, password] = process.argv.slice(2);
    const client = new Client(60000);
    await client.access({ host: "127.0.0.1", port: Number(port), user, password, secure: true,
                          secureOptions: { rejectUnauthorized: false } });
    let refused = 0, broken = 0;
    for (let number = 0; number < 40; number++) {
        await client.uploadFrom(Readable.from([]), `empty${number}`).catch((error) => {
            if (error.code === 426) refused++;
            else if (error.code === 522) broken++;
            else throw error;
        });
    }
    const content = Buffer.alloc(300000, "basic");
    await client.uploadFrom(Readable.from([content]), "file");
    const parts = [];
    await client.downloadTo(new Writable({ write(chunk, _, done) { parts.push(chunk); done(); } }), "file");
    if (!Buffer.concat(parts).equals(content)) throw new Error("the content is not what was sent");
    const names = await client.list();
    console.log(JSON.stringify({ refused, broken, empty: names.filter((one) => one.size === 0).length }));
    client.close();
})().catch((error) => { console.error(error); process.exit(1); });
"""


def node_tls(programs, folder, runtime):
    """Node's basic-ftp stores 40 empty files and a large one, reads that, and lists them; behind an empty file it often
    sends no close_notify, which is refused unless --accept-truncated takes it, and now and then it is gone before its
    handshake has come to an end, which nothing takes for a file."""
    with tempfile.TemporaryDirectory(prefix="sansftp-node-") as modules:
        installed = subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", modules, f"basic-ftp@{BASIC_FTP}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        check(installed.returncode == 0, f"basic-ftp cannot be installed: {installed.stdout} {installed.stderr}")
        with open(f"{modules}/client.js", "w") as script:
            script.write(NODE_CLIENT)
        found = [
            run_node(programs, modules, folder / name, "--runtime", runtime, "--tls-self-signed", *options)
            for name, options in (("strict", ()), ("lenient", ("--accept-truncated",)))
        ]
    strict, lenient = found
    for counts in found:
        check(sum(counts.values()) == 40, f"refused, and there all the same, or lost: {counts}")
    check(lenient["refused"] == 0, f"with --accept-truncated: {lenient}")
    check(lenient["empty"] > 20, f"hardly a handshake comes to its end: {lenient}")
    return f"strict: {strict}; with --accept-truncated: {lenient}"


def run_node(programs, modules, served, *options):
    served.mkdir()
    with ftpd(programs, served, *options) as server:
        done = subprocess.run(
            ["node", f"{modules}/client.js", str(server.port), USER, PASSWORD],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    check(done.returncode == 0, f"basic-ftp: {done.stderr}")
    check((served / "file").stat().st_size == 300_000, "the large file is not whole")
    return json.loads(done.stdout)


class OpenSsl:
    """A control connection by `openssl s_client`, and data connections that resume its TLS session."""

    def __init__(self, server, folder):
        self.session = folder / "session.pem"
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-quiet", "-starttls", "ftp", "-sess_out", str(self.session),
             "-connect", f"127.0.0.1:{server.port}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for command in (f"USER {USER}", f"PASS {PASSWORD}", "TYPE I", "PBSZ 0", "PROT P"):
            reply = self.ask(command)
            check(reply[0] in "23", f"{command}: {reply}")

    def ask(self, command):
        self.process.stdin.write(command.encode() + b"\r\n")
        self.process.stdin.flush()
        return self.reply()

    def reply(self):
        return self.process.stdout.readline().decode().strip()

    def store(self, name, end, *options):
        """Sends the content, and ends in this way."""
        port = re.search(r"\|\|\|(\d+)\|", self.ask("EPSV"))[1]
        data = subprocess.Popen(
            ["openssl", "s_client", "-quiet", "-no_ign_eof", *options, "-connect", f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with ending(data):
            check(self.ask(f"STOR {name}")[0] == "1", "the transfer does not begin")
            # One that is refused takes nothing any more.
            with contextlib.suppress(BrokenPipeError):
                data.stdin.write(CONTENT)
                data.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                end(data)
            data.wait(PATIENCE)


def openssl_cut(programs, folder, runtime):
    """openssl s_client stores a file; killed, it sends no close_notify, and the old file stays."""
    served = folder / "served"
    served.mkdir()
    (served / "file").write_bytes(b"old")
    with ftpd(programs, served, "--runtime", runtime, "--tls-self-signed") as server:
        control = OpenSsl(server, folder)
        with ending(control.process):
            for number in range(10):
                control.store("file", lambda data: data.kill())
                check(control.reply().startswith("426 "), "a killed client's upload is not refused")
                check((served / "file").read_bytes() == b"old", f"kill {number}: the old content is gone")
            control.store("file", lambda data: data.stdin.close())
            check(control.reply().startswith("226 "), "a whole upload is refused")
            check((served / "file").read_bytes() == CONTENT, "the content is not what was sent")


def openssl_resumption(programs, folder, runtime):
    """openssl s_client resumes the TLS session of its control connection, or is refused."""
    served = folder / "served"
    served.mkdir()
    strict = ("--require-tls", "all", "--require-session-reuse")
    with ftpd(programs, served, "--runtime", runtime, "--tls-self-signed", *strict) as server:
        control = OpenSsl(server, folder)
        with ending(control.process):
            control.store("file", lambda data: data.stdin.close(), "-sess_in", str(control.session))
            check(control.reply().startswith("226 "), "a data connection that resumes the TLS session is refused")
            control.store("file", lambda data: data.stdin.close())
            check(control.reply().startswith("522 "), "a data connection that does not is taken")


def idle_sessions_are_small(programs, folder):
    """What 200 idle sessions take of memory, in clear and under TLS."""
    sizes = {}
    for name, connect in (("in clear", Server.client), ("under TLS", python_client)):
        # Each has a server of its own, for memory that is given back may not be the system's again.
        with ftpd(programs, folder, "--tls-self-signed", "--max-per-address", "1000") as server:
            warm = [connect(server) for _ in range(20)]
            before = server.resident()
            idle = [connect(server) for _ in range(200)]
            sizes[name] = (server.resident() - before) / 200 / 1024
            check(sizes[name] < 64, f"an idle session {name} takes {sizes[name]:.0f} KiB")
            del warm, idle
    return ", ".join(f"{name} {size:.1f} KiB each" for name, size in sizes.items())


STEPS = [
    idle_sessions_are_small,
    *(
        step
        for function in (
            curl_tls, curl_without_session_ids, lftp_tls, python_tls, node_tls, openssl_cut, openssl_resumption
        )  # fmt: skip
        for step in on_each_runtime(function)
    ),
]
