"""Certificates: the server's, and those of clients, with curl, lftp and Python's ftplib."""

import ftplib
import io
import signal
import ssl
import subprocess

from .checks import PATIENCE, check, wait_until
from .clients import curl, curl_checked, lftp
from .servers import ftpd
from .steps import on_each_runtime
from .tls import CONTENT, LFTP_TLS, implicit_port, is_refused, python_client

CLIENT_USER = "otto"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def new_key(key):
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key))


def self_signed(folder, name):
    """A certificate that is its own authority, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("req", "-x509", *new_key(key), "-days", "2", "-subj", f"/CN={name}", "-out", str(certificate))
    return certificate, key


def signed(folder, name, authority):
    """A certificate that an authority has signed, and its key."""
    certificate, key, request = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.csr"
    openssl("req", *new_key(key), "-subj", f"/O=Example/CN={name}", "-out", str(request))
    by, by_key = (str(file) for file in authority)
    # Without an extension it would be of version 1, which rustls does not take.
    extensions = folder / "extensions"
    extensions.write_text("basicConstraints = critical, CA:false")
    openssl(
        "x509", "-req", "-in", str(request), "-CA", by, "-CAkey", by_key, "-days", "2", "-extfile", str(extensions),
        "-out", str(certificate),
    )  # fmt: skip
    return certificate, key


def client_certificates(programs, folder, runtime):
    """curl, lftp and ftplib log in by a certificate without a password, and not without it."""
    served, local = folder / "served", folder / "local"
    served.mkdir()
    local.write_bytes(CONTENT)
    authority = self_signed(folder, "authority")
    certificate, key = signed(folder, CLIENT_USER, authority)
    stranger, strangers_key = self_signed(folder, "stranger")
    options = ("--tls-self-signed", "--require-tls", "all", "--client-ca", str(authority[0]), "--user", CLIENT_USER)
    with ftpd(programs, served, "--runtime", runtime, *options) as server:
        url = f"ftp://{CLIENT_USER}:none@127.0.0.1:{server.port}/"
        insecure = ("--insecure", "--ssl-reqd")
        own = ("--cert", str(certificate), "--key", str(key))
        for number, version in enumerate(("1.2", "1.3")):
            curl_checked(*insecure, *own, "--tls-max", version, "--upload-file", str(local), f"{url}{number}")
            check((served / str(number)).read_bytes() == CONTENT, f"curl, TLS {version}: not what was sent")
        others = ("--cert", str(stranger), "--key", str(strangers_key))
        for way in ((), others):
            check(curl(*insecure, *way, "--list-only", url).returncode != 0, f"curl was let in with {way}")

        files = f"set ssl:cert-file {certificate}; set ssl:key-file {key}; "
        lftp(server, f"put {local} -o lftp; get lftp -o {folder / 'back'}", LFTP_TLS + files, user=(CLIENT_USER, "none"))
        check((folder / "back").read_bytes() == CONTENT, "lftp: not what was sent")

        context = ssl._create_unverified_context()
        context.load_cert_chain(certificate, key)
        client = ftplib.FTP_TLS(context=context, timeout=PATIENCE)
        client.connect("127.0.0.1", server.port)
        client.auth()
        reply = client.sendcmd(f"USER {CLIENT_USER}")
        check(reply.startswith("232 "), f"ftplib: {reply}")
        client.prot_p()
        client.storbinary("STOR python", io.BytesIO(CONTENT))
        check((served / "python").read_bytes() == CONTENT, "ftplib: not what was sent")
        # Whoever has stolen the data connection has not stolen the certificate.
        client.context = ssl._create_unverified_context()
        check(is_refused(client.nlst), "a data connection was taken without the certificate")


def a_certificate_is_required(programs, folder, runtime):
    """--require-client-cert: who has a password but no certificate does not come in."""
    authority = self_signed(folder, "authority")
    certificate, key = signed(folder, CLIENT_USER, authority)
    served = folder / "served"
    served.mkdir()
    options = ("--tls-self-signed", "--require-tls", "all", "--client-ca", str(authority[0]), "--require-client-cert")
    with ftpd(programs, served, "--runtime", runtime, *options) as server:
        insecure = ("--insecure", "--ssl-reqd", "--list-only", server.url(""))
        curl_checked("--cert", str(certificate), "--key", str(key), *insecure)
        check(curl(*insecure).returncode != 0, "curl was let in without a certificate")


def certificate_is_read_again(programs, folder):
    """SIGHUP: handshakes that begin later show the new certificate; one that is not usable changes nothing."""
    served = folder / "served"
    served.mkdir()
    certificate, key = self_signed(folder, "localhost")
    old = certificate.read_text().split()
    files = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with ftpd(programs, served, *files, "--implicit", "127.0.0.1:0") as server:

        def shown():
            return ssl.get_server_certificate(("127.0.0.1", implicit_port(server)), timeout=PATIENCE).split()

        check(shown() == old, "another certificate is shown")
        idle = python_client(server, kind=ftplib.FTP_TLS)
        self_signed(folder, "localhost")
        new = certificate.read_text().split()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shown() == new, "the new certificate is not shown")
        certificate.write_text("this is no certificate")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the certificate stays as it was" in server.messages(), server.messages)
        check(shown() == new, "another certificate is shown")
        check(idle.nlst() == [], "a session does not outlive the certificate that it began with")


def options_that_want_certificates(programs, folder):
    """What is missing beside an option of TLS is said, and ftpd does not start."""
    authority, _ = self_signed(folder, "authority")
    lacking = "TLS needs --tls-cert and --tls-key, or --tls-self-signed"
    cases = [
        *(([option], 1, lacking) for option in ("--implicit=127.0.0.1:0", "--require-tls=all", "--require-session-reuse")),
        (["--accept-truncated"], 1, lacking),
        ([f"--client-ca={authority}"], 1, lacking),
        (["--tls-self-signed", "--require-client-cert"], 2, "--client-ca <FILE>"),
        (["--tls-self-signed", "--require-client-cert", f"--client-ca={authority}"], 1, "needs --require-tls"),
        (["--tls-self-signed", "--client-ca=/nonexistent"], 1, "/nonexistent cannot be read"),
        (["--tls-self-signed", f"--client-ca={folder / 'authority.key'}"], 1, "certificates are not usable"),
        (["--tls-self-signed", "--user=otto"], 1, "otto has no password"),
    ]
    for options, status, message in cases:
        done = subprocess.run(
            [programs["ftpd"], "--listen", "127.0.0.1:0", *options, str(folder)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        check(done.returncode == status, f"{options}: exit {done.returncode}")
        check(message in done.stderr, f"{options}: {done.stderr}")


STEPS = [
    *on_each_runtime(client_certificates),
    *on_each_runtime(a_certificate_is_required),
    certificate_is_read_again,
    options_that_want_certificates,
]
