"""ftpd in front of a bucket: what clients are told, and what the bucket has then."""

import argparse
import ftplib
import io
import os
import random
import re
import subprocess
import sys
import time

from .checks import PATIENCE, Failure, check, wait_until
from .clients import reset
from .s3_server import BUCKET, S3, Wire
from .servers import PASSWORD, ROOT, USER, Server

MIB = 1 << 20
SIZES = (0, 1, 5 * MIB - 1, 5 * MIB, 20 * MIB)
STEPS = []


def step(function):
    STEPS.append(function)
    return function


def ftpd(program, s3, *options, prefix="", url=None):
    command = [program, "--listen", "127.0.0.1:0", "--user", f"{USER}:{PASSWORD}", *options]
    return Server([*command, "--store", f"s3://{BUCKET}/{prefix}"], s3.environment(url))


def store(client, name, content, command="STOR", offset=None):
    return client.storbinary(f"{command} {name}", io.BytesIO(content), rest=offset)


def retrieve(client, name, offset=None):
    parts = []
    client.retrbinary(f"RETR {name}", parts.append, rest=offset)
    return b"".join(parts)


def reply_of(function, *arguments, **options):
    """The reply of a command that is refused."""
    try:
        reply = function(*arguments, **options)
    except ftplib.Error as error:
        return str(error)
    raise Failure(f"{arguments} was not refused but answered by {reply}")


def check_refused(code, function, *arguments, **options):
    reply = reply_of(function, *arguments, **options)
    check(reply.startswith(code), f"{arguments} is answered by {reply!r}, not by {code}")


def check_nothing_left(s3, how):
    wait_until(lambda: not s3.uploads(), f"{how}: parts of an upload are left")


@step
def whole_uploads(program, s3, random_bytes):
    """Files of all sizes around the parts' go up and come back, from the bucket and from ftpd."""
    with ftpd(program, s3, prefix="a prefix") as server:
        client = server.client()
        for size in SIZES:
            content = random_bytes(size)
            check(store(client, f"{size} bytes", content).startswith("226 "), f"{size} bytes are not stored")
            check(s3.get(f"a prefix/{size} bytes") == content, f"{size} bytes are not what was sent")
            check(retrieve(client, f"{size} bytes") == content, f"{size} bytes do not come back")
            check(client.size(f"{size} bytes") == size, f"{size} bytes have another size")
        check_nothing_left(s3, "whole uploads")
        check(sorted(client.nlst()) == sorted(f"{size} bytes" for size in SIZES), client.nlst())


def begin(server, s3, name, content, command="STOR"):
    """Sends all but the end of a file, of which parts have left then, if it is large enough for that."""
    client = server.client()
    data = client.transfercmd(f"{command} {name}")
    data.sendall(content)
    if len(content) > 16 * MIB:
        wait_until(s3.uploads, "no part leaves while the client sends")
    return client, data


def cut_by_reset(client, data):
    reset(data)
    check(client.getmultiline().startswith("426 "), "a reset is not answered by 426")


def cut_by_abor(client, data):
    client.putline("ABOR")
    replies = [client.getmultiline()[:3], client.getmultiline()[:3]]
    check(replies == ["426", "226"], f"ABOR is answered by {replies}")
    data.close()


def cut_by_death(client, data):
    client.close()
    data.close()


@step
def cut_uploads(program, s3, random_bytes):
    """An upload that is reset, aborted or whose client dies leaves the old object, no new one, and no parts."""
    s3.put("old", b"old content")
    with ftpd(program, s3) as server:
        for size in (0, 1, 6 * MIB, 36 * MIB):
            for cut in (cut_by_reset, cut_by_abor, cut_by_death):
                for command, name in (("STOR", "old"), ("STOR", "new"), ("APPE", "old"), ("APPE", "new")):
                    cut(*begin(server, s3, name, random_bytes(size), command))
                    how = f"{command} {name}, {size} bytes, {cut.__name__}"
                    check_nothing_left(s3, how)
                    wait_until(lambda: server.messages().count("outcome") == server.messages().count("logged in"), how)
                    check(s3.keys() == ["old"], f"{how}: {s3.keys()}")
                    check(s3.get("old") == b"old content", f"{how}: the old content is gone")


@step
def killed_server(program, s3, random_bytes):
    """kill -9 of ftpd amid an upload leaves the old object; the parts stay for the bucket's lifecycle rule."""
    s3.put("old", b"old content")
    with ftpd(program, s3) as server:
        begin(server, s3, "old", random_bytes(36 * MIB))
    check(s3.keys() == ["old"] and s3.get("old") == b"old content", "the old content is gone")
    check(len(s3.uploads()) == 1, "no parts are left, which would be better than the documentation says")


@step
def upload_ended_by_the_service(program, s3, random_bytes):
    """An upload whose parts the service has thrown away is refused, the old object stays, and the log has no false alarm."""
    s3.put("old", b"old content")
    with ftpd(program, s3) as server:
        client, data = begin(server, s3, "old", random_bytes(36 * MIB))
        s3.abort_uploads()
        data.close()
        reply = client.getmultiline()
        check(reply.startswith("451 "), f"it is answered by {reply}")
        check(s3.get("old") == b"old content", "the old content is gone")
        check("what came of an upload stays" not in server.messages(), "the log worries about parts that are gone")
    return reply


@step
def going_on(program, s3, random_bytes):
    """REST with RETR and with STOR, and APPE: what stays and what comes are right, and APPE replaces nothing."""
    old, more = random_bytes(12 * MIB + 345), random_bytes(7 * MIB)
    s3.put("file", old)
    with ftpd(program, s3) as server:
        client = server.client()
        for offset in (1, 5 * MIB, len(old) - 1, len(old)):
            check(retrieve(client, "file", offset) == old[offset:], f"the bytes from {offset} on are not right")
        check_refused("554", retrieve, client, "file", len(old) + 1)
        store(client, "file", more, "APPE")
        check(s3.get("file") == old + more, "APPE did not append")
        for content in (b"", b"x"):
            s3.put("small", content)
            store(client, "small", b"more", "APPE")
            check(s3.get("small") == content + b"more", "APPE did not append to a small file")
        store(client, "absent", b"new", "APPE")
        check(s3.get("absent") == b"new", "APPE did not store")

        store(client, "file", b"end", offset=9000000)
        check(s3.get("file") == old[:9000000] + b"end", "REST with STOR did not keep the start")
        check_refused("554", store, client, "file", b"end", offset=len(old))

        data = client.transfercmd("APPE small")
        data.sendall(b"too late")
        s3.put("small", b"changed meanwhile")
        data.close()
        check_refused("450", client.voidresp)
        check(s3.get("small") == b"changed meanwhile", "APPE replaced what came in between")
        check_nothing_left(s3, "appending")


@step
def directories_and_names(program, s3, random_bytes):
    """MKD, RMD, DELE, RNTO, STOU, facts; and the codes of what is refused."""
    s3.put("implied/below/file", b"content")
    with ftpd(program, s3) as server:
        client = server.client()
        client.mkd("made")
        check(sorted(client.nlst()) == ["implied", "made"], client.nlst())
        check(client.nlst("made") == [], "the marker is listed")
        for command in ("MKD made", "MKD implied", "MKD absent/below", "RMD implied", "RMD absent", "DELE absent",
                        "DELE made", "RNFR absent", "CWD absent", "SIZE made"):  # fmt: skip
            check_refused("550", client.sendcmd, command)
        for command in ("RETR made", "STOR made", "STOR absent/file", "APPE made"):
            check_refused("550", client.transfercmd, command)
        check_refused("553", client.transfercmd, "STOR a\x1b")
        for command in ("MKD blank\u00a0", "MKD .sansftp-x"):
            check_refused("550", client.sendcmd, command)
        for command in ("MFMT 20240229123456 implied/below/file", "SITE CHMOD 600 implied/below/file", "AVBL /"):
            check_refused("502", client.sendcmd, command)

        client.rename("implied/below/file", "made/renamed")
        check(s3.keys() == ["implied/below/", "made/", "made/renamed"], s3.keys())
        check(s3.get("made/renamed") == b"content", "the renamed file has another content")
        s3.put("made/other", b"other")
        client.rename("made/renamed", "made/other")
        check(s3.get("made/other") == b"content" and "made/renamed" not in s3.keys(), s3.keys())
        client.rename("made/other", "made/other")
        check(s3.get("made/other") == b"content", "renaming a file to its own name lost it")
        check_refused("504", client.rename, "made", "elsewhere")

        facts = client.sendcmd("MLST made/other")
        check("size=7" in facts and "type=file" in facts and "modify=20" in facts, facts)
        check(client.sendcmd("MDTM made/other").startswith("213 20"), "MDTM")
        reply = client.storbinary("STOU report.pdf", io.BytesIO(b"unique"))
        unique = [key for key in s3.keys() if key.startswith("report-") and key.endswith(".pdf")]
        check(len(unique) == 1 and s3.get(unique[0]) == b"unique", reply)

        client.delete("made/other")
        for directory in ("made", "implied/below", "implied"):
            client.rmd(directory)
        check(s3.keys() == unique, s3.keys())


@step
def long_listing(program, s3, random_bytes):
    """2,500 objects and 30 directories are listed, each once."""
    expected = {f"file {number:04}" for number in range(2500)} | {f"directory {number}" for number in range(30)}
    s3.put_many(f"long/{name}" + ("/below" if name.startswith("d") else "") for name in expected)
    s3.put("long/", b"")
    with ftpd(program, s3, prefix="long") as server:
        client = server.client()
        listed = [(name, facts["type"]) for name, facts in client.mlsd(facts=["type", "size"])]
        check(len(listed) == 2530 and {name for name, _ in listed} == expected, f"{len(listed)} entries")
        check(sum(kind == "dir" for _, kind in listed) == 30, "that are not 30 directories")
        check(set(client.nlst()) == expected, "NLST has others")


@step
def replaced_amid_a_download(program, s3, random_bytes):
    """A file that is replaced while it is retrieved comes as it was, or is not confirmed."""
    old, new = random_bytes(20 * MIB), random_bytes(20 * MIB)
    s3.put("file", old)
    with ftpd(program, s3) as server:
        client = server.client()
        data = client.transfercmd("RETR file")
        start = data.recv(1000)
        s3.put("file", new)
        content = start + b"".join(iter(lambda: data.recv(MIB), b""))
        reply = client.getmultiline()
        check(content == old if reply.startswith("226 ") else reply.startswith("4"), f"{len(content)} bytes, {reply}")
        return reply


@step
def cut_downloads(program, s3, random_bytes):
    """What the service sends is cut again and again: the file comes whole; or for good: no 226."""
    content = random_bytes(20 * MIB)
    s3.put("file", content)
    with Wire(s3.port) as wire, ftpd(program, s3, url=wire.url) as server:
        client = server.client()
        wire.limit = 8 * MIB
        check(retrieve(client, "file") == content, "a download that was cut on the way came otherwise")
        check(wire.cuts >= 2, "nothing was cut")
        wire.limit = None
        data = client.transfercmd("RETR file")
        received = len(data.recv(1000))
        wire.limit = 0
        while chunk := data.recv(MIB):
            received += len(chunk)
        data.close()
        reply = client.getmultiline()
        check(received < len(content) and reply[:3] in ("426", "451"), f"{received} bytes, {reply}")


@step
def stopped_amid_an_upload(program, s3, random_bytes):
    """The service goes while a file comes: 4xx, soon enough."""
    with ftpd(program, s3) as server:
        client, data = begin(server, s3, "file", random_bytes(36 * MIB))
        s3.stop()
        try:
            for _ in range(64):
                data.sendall(random_bytes(MIB))
        except OSError:
            pass
        data.close()
        reply = client.getmultiline()
        check(reply.startswith("4"), reply)
        return reply


@step
def stopped_before_the_finish(program, s3, random_bytes):
    """The service goes after the last byte, before the file is finished: 4xx, whatever the size."""
    replies = []
    with ftpd(program, s3) as server:
        begun = [begin(server, s3, f"file {size}", random_bytes(size)) for size in (0, 1000, 36 * MIB)]
        s3.stop()
        for client, data in begun:
            data.close()
            replies.append(client.getmultiline())
        check(all(reply.startswith("4") for reply in replies), replies)
        return replies[0]


@step
def readme_command(program, s3, random_bytes):
    """The README's command serves a bucket, with the address and the program of this test in it."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (command,) = [block for block in blocks if "--store s3://" in block]
    for said, here in (
        ("http://127.0.0.1:9000", s3.url),
        ("cargo run --release --features opendal-services --example ftpd --", f"exec {program} --listen 127.0.0.1:0"),
    ):
        check(command.count(said) == 1, f"{said} is not in {command}")
        command = command.replace(said, here)
    with Server(["bash", "-c", command]) as server:
        store(server.client(), "file", b"content")
        check(s3.get("prefix/file") == b"content", "the file is not in the bucket")


@step
def wrong_buckets_and_keys(program, s3, random_bytes):
    """What cannot be served is said at the start."""

    def complaint(bucket, **environment):
        done = subprocess.run(
            [program, "--store", f"s3://{bucket}"], env={**os.environ, **s3.environment(), **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        check(done.returncode == 1, f"exit {done.returncode}: {done.stderr}")
        return done.stderr

    said = complaint("absent")
    check("there may be no such bucket" in said, said)
    said = complaint(BUCKET, AWS_REGION="", AWS_DEFAULT_REGION="")
    check("AWS_REGION" in said, said)
    said = complaint(BUCKET, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="true")
    check("set AWS_ACCESS_KEY_ID" in said, said)
    said = complaint(BUCKET, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    check("cannot serve s3://" in said and "secret" not in said, said)


@step
def last_byte_to_226(program, s3, random_bytes):
    """The finish has only the last part and the completion to do."""
    notes = []
    with ftpd(program, s3) as server:
        for size in (1, 100):
            client = server.client()
            times = []
            for _ in range(5):
                data = client.transfercmd(f"STOR {size} MiB")
                data.sendall(random_bytes(size * MIB))
                data.close()
                started = time.monotonic()
                client.voidresp()
                times.append(time.monotonic() - started)
            notes.append(f"{size} MiB: {' '.join(f'{1000 * seconds:.0f}' for seconds in sorted(times))} ms")
    return ", ".join(notes)


def build(profile):
    command = ["cargo", "build", "--locked", "--quiet", "--all-features", "--example", "ftpd", "--profile", profile]
    check(subprocess.run(command, cwd=ROOT).returncode == 0, "ftpd does not compile")
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return os.path.join(target, "debug" if profile == "dev" else profile, "examples", "ftpd")


def contract():
    """The contract of stores, and each of its tests has a folder of its own in the bucket."""
    command = ["cargo", "test", "--locked", "--quiet", "--all-features", "--test", "stores", "--", "--ignored", "on_opendal_s3"]
    with S3() as s3:
        environment = {**os.environ, **s3.environment(), "SANSFTP_TEST_BUCKET": BUCKET}
        check(subprocess.run(command, cwd=ROOT, env=environment).returncode == 0, "the contract is not kept")
        check_nothing_left(s3, "the contract")


def outcome_of(one, program):
    """Runs a step with a server of its own; whether it passed."""
    chance = random.Random(one.__name__)
    started = time.monotonic()
    try:
        with S3() as s3:
            note = one(program, s3, chance.randbytes)
        outcome, detail = "ok", f"\n    {note}" if note else ""
    except (Failure, OSError, EOFError, ftplib.Error, subprocess.SubprocessError) as error:
        outcome, detail = "FAILED", f"\n    {type(error).__name__}: {error}"
    print(f"{outcome} {one.__name__} ({time.monotonic() - started:.1f} s): {one.__doc__}{detail}", flush=True)
    return outcome == "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=["release", "dev"], default="dev")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    chosen = [one for one in STEPS if not options.names or any(name in one.__name__ for name in options.names)]
    try:
        if not options.names or "contract" in options.names:
            contract()
        program = build(options.profile)
    except Failure as failure:
        sys.exit(f"S3: {failure}")
    failed = [outcome_of(one, program) for one in chosen].count(False)
    print(f"S3: {len(chosen) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not (chosen or "contract" in options.names) else 0)


if __name__ == "__main__":
    main()
