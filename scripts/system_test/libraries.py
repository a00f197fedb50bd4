"""Libraries and an editor that speak FTP: Erlang's, Ruby's, and Emacs."""

import json
import re

from .checks import check
from .clients import client
from .quirks import check_files, make_links, serving
from .servers import PASSWORD, USER, Server

PROGRAMS = ("escript", "ruby", "emacs")

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
        check(shown == ["file", "link -> file", "sub", "zz"], f"{said}")


STEPS = [
    erlang_gets_what_it_sent,
    ruby_lists_by_pattern,
    emacs_shows_a_folder,
]
