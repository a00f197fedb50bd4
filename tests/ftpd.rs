//! The example server as a process: what it prints, and how it ends.
#![cfg(all(unix, feature = "tokio"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    ops::Deref,
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use suppaftp::{
    FtpError, FtpStream, Status,
    types::{FileType, FormatControl},
};

#[cfg(feature = "tls")]
#[path = "ftpd/certificate.rs"]
mod certificate;

const PATIENCE: Duration = Duration::from_secs(20);

/// The runtimes that this test and the program are built with, and how the threads of each are called.
const RUNTIMES: &[(&str, &str)] = &[
    ("tokio", "tokio-"),
    #[cfg(feature = "async-std")]
    ("async-std", "async-std/"),
    #[cfg(feature = "smol")]
    ("smol", "smol-"),
];

/// The example's program, built like this test: the same features and profile, the same target folder.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    let profile_folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--example", "ftpd"]);
    for (runtime, _) in RUNTIMES {
        cargo.args(["--features", runtime]);
    }
    if cfg!(feature = "tls") {
        cargo.args(["--features", "tls"]);
    }
    cargo.arg("--target-dir").arg(profile_folder.parent().unwrap());
    if profile_folder.file_name() == Some(OsStr::new("release")) {
        cargo.arg("--release");
    }
    // What cargo has told this test of its package, build scripts would take for a change: ring is built anew for it.
    let names = std::env::vars().map(|(name, _)| name);
    for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        cargo.env_remove(name);
    }
    assert!(cargo.status().unwrap().success(), "the example does not compile");
    profile_folder.join("examples/ftpd")
});

fn ftpd(options: &[&str]) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that runs, and is ended with the test.
struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    /// What it printed before it listened.
    preface: Vec<String>,
}

impl Running {
    fn start(folder: &tempfile::TempDir, options: &[&str]) -> Self {
        Self::start_store(&[options, &[folder.path().to_str().unwrap()]].concat())
    }

    /// With options that say what to serve.
    fn start_store(options: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", options)
    }

    fn start_at(address: &str, options: &[&str]) -> Self {
        let mut command = ftpd(&["--listen", address]);
        let mut process = command.args(options).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut preface = Vec::new();
        loop {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "it ended before it was ready, after {preface:?}"
            );
            match line.trim_end().strip_prefix("listening on ") {
                Some(address) => {
                    return Self { process, stdout, address: address.parse().unwrap(), preface };
                }
                None => preface.push(line.trim_end().to_owned()),
            }
        }
    }

    fn log_in(&self, name: &str, password: &str) -> Result<FtpStream, FtpError> {
        let mut client = FtpStream::connect_timeout(self.address, PATIENCE)?;
        client.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        client.login(name, password).map(|()| client)
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn thread_names(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok()).collect()
    }

    /// Waits for its end; what it wrote to standard output meanwhile, and to standard error in all.
    fn wait(&mut self) -> (ExitStatus, String, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let (mut output, mut log) = (String::new(), String::new());
        self.stdout.read_to_string(&mut output).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, output, log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for the `421` that a session without a transfer is told at the end.
fn farewell(client: &FtpStream) {
    let mut text = String::new();
    client.get_ref().deref().read_to_string(&mut text).unwrap();
    assert!(text.starts_with("421 "), "{text:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refusal<T>(result: Result<T, FtpError>) -> Status {
    match result {
        Err(FtpError::UnexpectedResponse(response)) => response.status,
        Err(other) => panic!("a refusal was expected, not {other}"),
        Ok(_) => panic!("a refusal was expected"),
    }
}

#[test]
fn it_serves_the_user_that_it_prints_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&folder, &[]);
    let preface = running.preface.join("\n");
    let (name, password) =
        preface.strip_prefix("user ").and_then(|rest| rest.split_once(", password ")).expect(&preface);
    assert!(password.len() >= 12, "{password:?} can be guessed");

    let mut client = running.log_in(name, password).unwrap();
    client.put_file("file.txt", &mut &b"content"[..]).unwrap();
    assert_eq!(std::fs::read(folder.path().join("file.txt")).unwrap(), b"content");
    assert_eq!(refusal(running.log_in(name, "guess")), Status::NotLoggedIn);
    assert_eq!(refusal(running.log_in("anonymous", "guess")), Status::NotLoggedIn);

    running.signal("TERM");
    farewell(&client);
    let (status, output, log) = running.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(output, "");
    let transfer = log.lines().find(|line| line.contains("/file.txt")).expect("the transfer is in the log");
    assert!(transfer.contains("bytes=7 ") && transfer.contains("outcome=\"stored\""), "{transfer}");
    assert!(!log.contains(password), "the log has the password: {log}");
}

#[test]
fn a_transfer_that_never_moved_is_logged_with_the_time_that_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&folder, &["--user", "anna:secret"]);
    let mut client = running.log_in("anna", "secret").unwrap();
    client.custom_command("EPSV", &[Status::ExtendedPassiveMode]).unwrap();
    client.custom_command("STOR file", &[Status::AboutToSend]).unwrap();
    client.custom_command("ABOR", &[Status::TransferAborted]).unwrap();
    client.custom_command("NOOP", &[Status::ClosingDataConnection]).expect("the second reply to ABOR");
    running.signal("TERM");
    let (_, _, log) = running.wait();
    let transfer = log.lines().find(|line| line.contains("/file")).expect("the transfer is in the log");
    let seconds = transfer.split_once("seconds=").and_then(|(_, rest)| rest.split(' ').next()).unwrap();
    assert!(seconds.parse::<f64>().unwrap() < PATIENCE.as_secs_f64(), "{transfer}");
    let (_, decimals) = seconds.split_once('.').expect(seconds);
    assert!(decimals.len() <= 3, "{transfer}");
}

/// As ffmpeg does: it reads no reply, so nobody but the log can tell why its file is not there.
#[test]
fn an_upload_whose_client_did_not_wait_for_the_226_is_logged_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&folder, &["--user", "anna:secret"]);
    let mut client = running.log_in("anna", "secret").unwrap();
    let mut upload = client.put_with_stream("video").unwrap();
    upload.write_all(b"a part").unwrap();
    client.get_ref().shutdown(Shutdown::Both).unwrap();
    // The server closes the data connection when it has noticed.
    let mut data: &TcpStream = upload.get_ref().get_ref();
    assert_eq!(data.read(&mut [0]).unwrap_or(0), 0);
    running.signal("TERM");
    let (_, _, log) = running.wait();
    let transfer = log.lines().find(|line| line.contains("/video")).expect("the transfer is in the log");
    let outcome = "outcome=\"aborted: the client ended the control connection before its upload was complete, so it was killed, \
                   or did not wait for the 226\"";
    assert!(transfer.contains(outcome), "{transfer}");
    assert!(!folder.path().join("video").exists());
}

#[test]
fn two_runs_have_two_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let preface = || Running::start(&folder, &[]).preface.clone();
    assert_ne!(preface(), preface());
}

#[test]
fn ctrl_c_ends_it_and_a_second_one_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&folder, &["--user", "anna:secret"]);
    running.signal("INT");
    assert_eq!(running.wait().0.code(), Some(0));

    let mut running = Running::start(&folder, &["--user", "anna:secret", "--grace", "3600"]);
    let mut client = running.log_in("anna", "secret").unwrap();
    let idle = running.log_in("anna", "secret").unwrap();
    let upload = client.put_with_stream("file").unwrap();
    running.signal("INT");
    farewell(&idle); // the first signal has arrived
    running.signal("INT");
    assert_eq!(running.wait().0.code(), Some(0));
    upload.finish().expect_err("the upload was cut");
    assert!(!folder.path().join("file").exists());
}

/// What threads there are tells whose tasks run: tokio's are there always, for the signals.
#[test]
fn each_runtime_serves_and_ends_on_a_signal() {
    for (runtime, threads) in RUNTIMES {
        for signal in ["TERM", "INT"] {
            let folder = tempfile::tempdir().unwrap();
            let mut running = Running::start(&folder, &["--user", "anna:secret", "--runtime", runtime]);
            let mut client = running.log_in("anna", "secret").unwrap();
            client.put_file("file", &mut &b"content"[..]).unwrap();
            if cfg!(target_os = "linux") {
                let names = running.thread_names();
                assert!(names.iter().any(|name| name.starts_with(threads)), "{runtime}: {names:?}");
                let is_of_another = |name: &String| {
                    let mut others = RUNTIMES.iter().skip(1).filter(|(other, _)| other != runtime);
                    others.any(|(_, threads)| name.starts_with(threads))
                };
                assert!(!names.iter().any(is_of_another), "{runtime}: {names:?}");
            }
            running.signal(signal);
            farewell(&client);
            let (status, _, log) = running.wait();
            assert_eq!(status.code(), Some(0), "{runtime}, {signal}: {log}");
            assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"content");
        }
    }
}

#[test]
fn users_and_rights_are_as_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    let options = ["--user", "anna:pass:word", "--user", "ben:secret", "--anonymous"];
    let running = Running::start(&folder, &options);
    assert_eq!(running.preface, [""; 0], "passwords that were given are not printed");
    running.log_in("anna", "pass:word").unwrap().put_file("by anna", &mut &b""[..]).unwrap();
    running.log_in("ben", "secret").unwrap().rm("by anna").unwrap();
    let mut guest = running.log_in("anonymous", "guest@").unwrap();
    assert_eq!(guest.retr_as_buffer("file").unwrap().into_inner(), b"content");
    assert_eq!(refusal(guest.put_file("by guest", &mut &b""[..])), Status::FileUnavailable);
    assert_eq!(refusal(guest.rm("file")), Status::FileUnavailable);

    let running = Running::start(&folder, &["--user", "anna:secret", "--read-only"]);
    let mut client = running.log_in("anna", "secret").unwrap();
    assert_eq!(client.retr_as_buffer("file").unwrap().into_inner(), b"content");
    assert_eq!(refusal(client.rm("file")), Status::FileUnavailable);
}

#[test]
fn quirks_of_clients_are_met_as_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    let stored = || std::fs::read(folder.path().join("file")).unwrap();
    let image = b"an image\r\n, as far as bytes say";

    let running = Running::start(&folder, &["--user", "anna:secret", "--initial-type", "image"]);
    running.log_in("anna", "secret").unwrap().put_file("file", &mut &image[..]).unwrap();
    assert_eq!(stored(), image);

    let options = ["--user", "anna:secret", "--keep-line-ends", "--announced-size", "advisory"];
    let running = Running::start(&folder, &options);
    let mut client = running.log_in("anna", "secret").unwrap();
    client.transfer_type(FileType::Ascii(FormatControl::Default)).unwrap();
    client.custom_command("ALLO 100", &[Status::CommandOk]).unwrap();
    client.put_file("file", &mut &image[..]).unwrap();
    assert_eq!(stored(), image);
    assert_eq!(client.size("file").unwrap(), image.len());
}

#[test]
fn links_are_listed_as_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "content").unwrap();
    std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
    let listed = |options: &[&str]| {
        let running = Running::start(&folder, &[&["--user", "anna:secret"], options].concat());
        let mut client = running.log_in("anna", "secret").unwrap();
        let facts = client.mlsd(None).unwrap();
        let of_link = facts.into_iter().find(|line| line.ends_with(" link"));
        let lines = client.list(None).unwrap();
        (
            of_link.map(|line| line.split(';').next().unwrap().to_owned()),
            lines.into_iter().find(|line| line.contains(" link")),
        )
    };
    for (options, kind) in [
        (&[][..], "type=file"),
        (&["--links", "follow"], "type=file"),
        (&["--links", "show"], "type=OS.unix=symlink"),
    ] {
        let (of_link, line) = listed(options);
        assert_eq!(of_link.as_deref(), Some(kind), "{options:?}");
        let line = line.unwrap();
        assert!(line.starts_with("lrwxrwxrwx ") && line.ends_with(" link -> file"), "{line}");
    }
    assert_eq!(listed(&["--links", "hide"]), (None, None));
}

#[test]
fn files_can_be_kept_in_memory() {
    let running = Running::start_store(&["--user", "anna:secret", "--store", "memory"]);
    running.log_in("anna", "secret").unwrap().put_file("file", &mut &b"content"[..]).unwrap();
    let mut client = running.log_in("anna", "secret").unwrap();
    assert_eq!(client.retr_as_buffer("file").unwrap().into_inner(), b"content");
}

#[test]
fn passive_ports_address_and_limits_are_as_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago; if another program takes it now, the reply is no 227.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ports = format!("{port}-{port}");
    let options = ["--user", "anna:secret", "--passive-ports", &ports, "--public-ip", "192.0.2.7"];
    let running = Running::start(&folder, &[&options[..], &["--max-per-address", "1"]].concat());
    let mut client = running.log_in("anna", "secret").unwrap();
    let reply = client.custom_command("PASV", &[Status::PassiveMode]).unwrap();
    let [high, low] = port.to_be_bytes();
    assert!(text(&reply.body).contains(&format!("192,0,2,7,{high},{low}")), "{:?}", text(&reply.body));
    assert_eq!(refusal(running.log_in("anna", "secret")), Status::NotAvailable);
}

#[test]
fn a_wrong_option_is_explained_with_exit_2() {
    let cases: [(&[&str], &str); 20] = [
        (&[], "<DIR>"),
        (&[".", "--links", "sometimes"], "[possible values: follow, show, hide]"),
        (&[".", "--store", "memory"], "cannot be used with"),
        (&["--store", "disk"], "give memory, or s3://"),
        (&["--store", "s3:///prefix"], "give the bucket"),
        (&["--store", "s3://bucket"], "--features opendal-services"),
        (&[".", "--nonsense"], "--nonsense"),
        (&[".", "--listen", "2121"], "--listen <ADDR:PORT>"),
        (&[".", "--user", ":secret"], "a name, a colon and a password"),
        (&[".", "--passive-ports", "50000"], "two ports from 1024 to 65535"),
        (&[".", "--passive-ports", "50001-50000"], "two ports from 1024 to 65535"),
        (&[".", "--passive-ports", "20-30"], "two ports from 1024 to 65535"),
        (&[".", "--public-ip", "here"], "--public-ip <IP>"),
        (&[".", "--durability", "hope"], "[possible values: sync, rename]"),
        (&[".", "--initial-type", "ebcdic"], "[possible values: ascii, image]"),
        (&[".", "--announced-size", "half"], "[possible values: binding, advisory]"),
        (&[".", "--max-connections", "0"], "--max-connections <N>"),
        (&[".", "--max-per-address", "-1"], "'-1'"),
        (&[".", "--runtime", "none"], "[possible values: tokio"),
        (&[".", "--log", "loud"], "--log <LEVEL>"),
    ];
    for (options, expected) in cases {
        let Output { status, stdout, stderr } = ftpd(options).output().unwrap();
        let message = text(&stderr);
        assert_eq!(status.code(), Some(2), "{options:?}: {message}");
        assert!(message.starts_with("error: ") && message.contains(expected), "{options:?}: {message}");
        assert_eq!(text(&stdout), "");
    }
}

#[test]
fn what_cannot_be_served_is_explained_with_exit_1() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let Output { status, stderr, .. } = ftpd(&[missing.to_str().unwrap()]).output().unwrap();
    let message = text(&stderr);
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(message.contains(missing.to_str().unwrap()) && message.contains("No such file"), "{message}");

    let options = ["--user", "anna", folder.path().to_str().unwrap()];
    let Output { status, stderr, .. } = ftpd(&options).output().unwrap();
    let message = text(&stderr);
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(message.contains("anna has no password"), "{message}");

    for option in ["--anonymous", "--read-only"] {
        let Output { status, stderr, .. } = ftpd(&["--store", "memory", option]).output().unwrap();
        let message = text(&stderr);
        assert!(status.code() == Some(1) && message.contains("begins empty"), "{option}: {message}");
    }

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let options = ["--listen", &address, folder.path().to_str().unwrap()];
    let Output { status, stderr, .. } = ftpd(&options).output().unwrap();
    let message = text(&stderr);
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(message.contains(&address) && message.contains("in use"), "{message}");
}
