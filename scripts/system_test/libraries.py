"""Libraries and editors that speak FTP: Erlang's, aioftp under TLS, Ruby's, Emacs and vim."""

import json
import os
import re

from .checks import check
from .clients import SYSTEM_PYTHON, client
from .quirks import check_files, make_links, serving
from .servers import PASSWORD, USER, Server
from .tls import SELF_SIGNED, implicit_port

PROGRAMS = ("escript", "ruby", "emacs", "vim")

ERLANG = """#!/usr/bin/env escript
main([Port, User, Password | Listing]) ->
    {ok, _} = application:ensure_all_started(ftp),
    {ok, Client} = ftp:open("127.0.0.1", [{port, list_to_integer(Port)}, {timeout, 20000}]),
    ok = ftp:user(Client, User, Password),
    ok = ftp:type(Client, binary),
    lists:foreach(fun(Number) ->
        Name = "file " ++ integer_to_list(Number),
        Content = binary:copy(<<"erlang\\n">>, Number),
        ok = ftp:send_bin(Client, Content, Name),
        {Number, {ok, Content}} = {Number, ftp:recv_bin(Client, Name)},
        [{ok, Number} = count(ftp:nlist(Client)) || Listing =/= []]
    end, lists:seq(1, 20)),
    ok = ftp:close(Client).

count({ok, Names}) -> {ok, length(string:split(Names, "\\r\\n", all)) - 1}.
"""


def erlang_gets_what_it_sent(programs, folder):
    """Erlang's ftp, whose recv_bin comes back empty where a small file's 226 comes together with its 125, sends, gets
    and lists twenty files; the server without any runtime gives them back, too."""
    with serving(programs, folder) as (server, served, got):
        (folder / "client").write_text(ERLANG)
        client(got, "escript", str(folder / "client"), str(server.port), USER, PASSWORD, "listing")
        check_files(served, {f"file {number}": b"erlang\n" * number for number in range(1, 21)}, "Erlang")
        with Server([programs["sans_io"], "127.0.0.1:0"]) as other:
            client(got, "escript", str(folder / "client"), str(other.port), USER, PASSWORD)


AIOFTP = """
import aioftp, asyncio, json, ssl, sys

async def main(port, user, password):
    context = ssl._create_unverified_context()
    found = {}
    async with aioftp.Client.context("127.0.0.1", int(port), user, password, ssl=context, socket_timeout=20) as client:
        await client.command("PBSZ 0", "200")
        await client.command("PROT P", "200")
        for size in (0, 7, 300_000):
            async with client.upload_stream(f"file {size}") as stream:
                await stream.write(b"x" * size)
            async with client.download_stream(f"file {size}") as stream:
                found[f"file {size}"] = len(await stream.read())
        found["listed"] = sorted(str(path) for path, _ in await client.list())
    print(json.dumps(found))

asyncio.run(main(*sys.argv[1:]))
"""


def aioftp_shakes_hands_first(programs, folder):
    """aioftp, which begins TLS on a data connection before it says what that is for, stores, retrieves and lists."""
    with serving(programs, folder, *SELF_SIGNED) as (server, served, got):
        said = client(got, SYSTEM_PYTHON, "-I", "-c", AIOFTP, str(implicit_port(server)), USER, PASSWORD)
        sizes = (0, 7, 300_000)
        check_files(served, {f"file {size}": b"x" * size for size in sizes}, "aioftp")
        expected = {f"file {size}": size for size in sizes}
        check(json.loads(said) == {**expected, "listed": sorted(expected)}, said)


RUBY = """
require "json"
require "net/ftp"
port, user, password, *secure = ARGV
options = { port: port.to_i, username: user, password: password, read_timeout: 20 }
options[:ssl] = { verify_mode: OpenSSL::SSL::VERIFY_NONE } unless secure.empty?
Net::FTP.open("127.0.0.1", options) do |ftp|
  ftp.mkdir("ruby")
  ftp.chdir("ruby")
  %w[b.csv a.csv c.txt].each { |name| File.write(name, name * 1000); ftp.putbinaryfile(name) }
  ftp.sendcmd("MFMT 19690720201740 a.csv")
  got = %w[a.csv b.csv c.txt].map { |name| ftp.getbinaryfile(name, nil) == name * 1000 }
  facts = ftp.mlsd.select(&:file?).map { |entry| [entry.pathname, entry.size, entry.modify.to_i] }
  puts JSON.generate({ got: got, nlst: ftp.nlst("*.csv"), none: (ftp.nlst("*.none") rescue $!.class), list: ftp.list("*.txt").length,
                       facts: facts.map { |name, size, _| [name, size] }, mdtm: ftp.mtime("a.csv").to_i,
                       modify: facts.assoc("a.csv")[2] })
end
"""


def ruby_lists_by_pattern(programs, folder):
    """Ruby's net-ftp stores, retrieves, lists by a pattern, and reads times before 1970, in clear and under TLS."""
    moon = -14_182_940
    for ways in ((), ("secure",)):
        place = folder / ("secure" if ways else "clear")
        place.mkdir()
        with serving(programs, place, "--tls-self-signed") as (server, served, got):
            said = json.loads(client(got, "ruby", "-e", RUBY, str(server.port), USER, PASSWORD, *ways))
            check(said["got"] == [True] * 3, f"{said}")
            check((said["nlst"], said["none"], said["list"]) == (["a.csv", "b.csv"], "Net::FTPPermError", 1), f"{said}")
            check(said["facts"] == [[name, 5000] for name in ("a.csv", "b.csv", "c.txt")], f"{said}")
            check((said["mdtm"], said["modify"]) == (moon, moon), f"{said}")
            check_files(served / "ruby", {path.name: path.read_bytes() for path in got.iterdir()}, "Ruby")


EMACS = """
(require 'ange-ftp)
(setq ange-ftp-ftp-program-name "tnftp" backup-inhibited t)
(defvar host (format "127.0.0.1#%s" (getenv "FTP_PORT")))
(ange-ftp-set-passwd host (getenv "FTP_USER") (getenv "FTP_PASSWORD"))
(defvar root (format "/ftp:%s@%s:/" (getenv "FTP_USER") host))
(copy-file (concat root "link") "copied")
(write-region "by emacs\\n" nil (concat root "sub/written"))
(princ (format "%S\\n" (list (directory-files root) (file-symlink-p (concat root "link"))
                            (not (file-directory-p (concat root "sub"))) (file-symlink-p (concat root "file")))))
(with-temp-buffer
  (insert-directory root "-al" nil t)
  (princ (buffer-string)))
"""


def emacs_shows_a_folder(programs, folder):
    """Emacs (ange-ftp, over tnftp) reads behind a link, writes, and shows a folder in order, with where links lead."""
    files = {"zz": b"z", "file": b"content\n", "sub/old": b"old\n"}
    with serving(programs, folder, files=files) as (server, served, got):
        make_links(served, {"link": "file"})
        login = {"FTP_PORT": str(server.port), "FTP_USER": USER, "FTP_PASSWORD": PASSWORD}
        said = client(got, "emacs", "-Q", "--batch", "--eval", f"(progn {EMACS})", **login)
        check_files(got, {"copied": b"content\n"}, "Emacs")
        check_files(served, files | {"link": b"content\n", "sub/written": b"by emacs\n"}, "Emacs")
        answers = '(("." ".." "file" "link" "sub" "zz") "file" nil nil)'
        check(answers in said, f"{said}")
        shown = [line.split(":", 1)[1][3:] for line in said.splitlines() if re.match(r" *[-dl][rwx-]{9} ", line)]
        check(shown == [".", "..", "file", "link -> file", "sub", "zz"], f"{said}")


VIMRC = f"""
set nocompatible noswapfile
filetype plugin on
let g:netrw_ftp_cmd = 'tnftp'
let g:netrw_uid = '{USER}'
let g:netrw_passwd = '{PASSWORD}'
"""


def vim_knows_folders_from_files(programs, folder):
    """vim's netrw reads and writes a file, and shows which names of a folder are folders, links and programs."""
    files = {"file": b"content\n", "sub/deeper": b"", "run": b"#!/bin/sh\n"}
    with serving(programs, folder, files=files) as (server, served, got):
        make_links(served, {"link": "file"})
        os.chmod(served / "run", 0o755)
        (folder / "vimrc").write_text(VIMRC)
        url = f"ftp://127.0.0.1:{server.port}/"
        for commands in (
            (f"Nread {url}file", "w content"),
            (f"edit {url}", "write! listing"),
            ("call setline(1, 'by vim')", f"Nwrite {url}written"),
        ):
            arguments = [word for command in (*commands, "qall!") for word in ("-c", command)]
            client(got, "vim", "-n", "-es", "-u", str(folder / "vimrc"), "-i", "NONE", *arguments)
        check((got / "content").read_bytes().strip() == b"content", "vim reads something else")
        check((served / "written").read_bytes() == b"by vim\n", "vim wrote something else")
        listing = (got / "listing").read_text().splitlines()
        shown = [line for line in listing if line and not line.startswith('"') and line not in ("./", "../")]
        check(sorted(shown) == ["file", "link/", "run*", "sub/"], f"{listing}")


STEPS = [
    erlang_gets_what_it_sent,
    aioftp_shakes_hands_first,
    ruby_lists_by_pattern,
    emacs_shows_a_folder,
    vim_knows_folders_from_files,
]
