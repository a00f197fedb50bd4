//! Every number and choice of a server, each with its unit, its default and the reason for it.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    ops::{Deref, RangeInclusive},
    time::Duration,
};

use crate::{dtp::Representation, time_value::TimePrecision};

mod checks;
mod tls;
mod transfers;

pub use self::{
    tls::{SessionReuse, TlsRequirement, TlsSettings, TlsStart, Truncation},
    transfers::{AnnouncedSize, AsciiConversion, DataPeer, FinishOverdue, FinishPatience},
};

/// The two ends of a control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoints {
    /// The server's address, as the client reached it.
    pub local: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
}

/// [`Settings`] that have been checked: what a session and a server take.
///
/// ```
/// use core::time::Duration;
/// use sansftp::config::{Config, Settings};
///
/// let config = Config::new(Settings { finish_timeout: Duration::from_secs(50), ..Settings::default() })?;
/// assert_eq!(config.finish_timeout.as_secs(), 50);
///
/// let mistake = Config::new(Settings { line_limit: 10, ..Settings::default() }).unwrap_err();
/// assert_eq!(mistake.field(), "line_limit");
/// # Ok::<(), sansftp::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Config(Settings);

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first field that no server could work with.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        settings.check()?;
        Ok(Self(settings))
    }

    /// Whether this name, in lower case, is one of the [`hosts`](Settings::hosts).
    pub(crate) fn serves_host(&self, host: &str) -> bool {
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|known| known == host))
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

/// What [`Config::new`] found wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the setting {field} is not usable: {problem}")]
pub struct ConfigError {
    field: &'static str,
    problem: String,
}

impl ConfigError {
    /// The name of the field of [`Settings`].
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

/// Everything that can be set; [`Config::new`] checks it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The text of the `220`. Default `"FTP server ready."`: monitors and balancers look for `FTP`, and it tells an
    /// attacker nothing.
    pub greeting: String,

    /// Longest command line in bytes, without its line end. Default 4096, the longest pathname of most systems.
    pub line_limit: usize,
    /// Bytes that are skipped of a line that is longer, its end included, before the session ends. Default 64 KiB: a program that has sent
    /// something by mistake can end its line; one that never does holds a connection for nothing.
    pub skip_limit: usize,
    /// Bytes of commands that wait for their turn before the session stops reading. Default 16 KiB: a few hundred
    /// pipelined commands.
    pub backlog_limit: usize,
    /// Bytes of replies that the client has not taken before the session stops executing commands. Default 16 KiB,
    /// less than what a socket takes by itself.
    pub reply_limit: usize,
    /// Lines in the reply to `STAT pathname`. Default 1000: the reply is held in memory, `LIST` is not.
    pub status_entries_limit: usize,
    /// Longest pattern (`*.csv`) in `LIST`, `NLST` and `STAT pathname`, in bytes; a longer one is a name like others. Default
    /// 255: no name is longer in most file systems, and this bounds the time that a client can have a server spend on
    /// each name. 0 is for no patterns at all. Where nothing matches, the client gets a 550, whose text plain clients show
    /// to their user; of an empty listing, their `mget` says nothing.
    pub pattern_limit: usize,
    /// Entries of a directory that are sorted by name for `LIST`, `NLST`, `MLSD` and `STAT`; if there are more, they come in
    /// the order of the store. Default 4000: they are held in memory together, and take about 1 MiB of it unless their names
    /// are long. 0 is for never sorting.
    pub sorted_entries_limit: usize,
    /// How exactly `MDTM`, `MFMT` and the fact `modify` tell times. Default: in whole seconds, for countless scripts read
    /// 14 digits and no more. Times that clients set may have fractions all the same.
    pub time_precision: TimePrecision,
    /// Bytes that are read from a data connection, and asked from a download, at once. Default 256 KiB: larger ones
    /// do not make a transfer faster. A transfer holds two at most. The process
    /// keeps up to 2 MiB of used chunks for later transfers.
    pub chunk_size: usize,

    /// Failed log-ins before the control connection is closed. Default 3.
    pub log_in_attempts: u32,
    /// From the connection to the log-in. Default 60 s: a person can type a password.
    pub log_in_timeout: Duration,
    /// Between two commands, while no transfer runs. Default 5 min, the least of RFC 1123 4.1.3.2.
    pub control_idle_timeout: Duration,
    /// For the store's or the accounts' answer to one command. Default 2 min: a client has given up by then.
    ///
    /// For an `APPE`, and for a `REST` with `STOR`, this includes what the store does to open the file: an object store
    /// may copy the part that is kept.
    pub request_timeout: Duration,
    /// From the transfer command to the data connection. Default 20 s: some TCP retransmissions.
    pub data_connect_timeout: Duration,
    /// Without a byte moved on the data connection. Default 5 min: a store may take its time over a chunk. A driver has as
    /// long to look at the control connection when an upload has ended, which takes none.
    pub data_stall_timeout: Duration,
    /// From the end of an upload to its finish, for the end of the control connection to follow if the client was
    /// killed: its system closes both connections in good order, one after the other, and then the file is not whole.
    /// Default 100 ms. Nobody waits for a file that is whole for certain: by TLS's `close_notify`, or by the size that `ALLO`
    /// announced. The store may use the time ([`Upload::prepare`](crate::storage::Upload::prepare)). Zero is for stores that
    /// would rather have part of a file than wait.
    ///
    /// The wait is as long as this only after a client that kept the server waiting for 0.2 ms or more, beyond the time that
    /// its fastest command took. It is the longer of two: 64 times the pause before the end (4 times for a file of less than
    /// 64 KiB that came in one go), and 8 times the longest delay before that, up to 12 ms, or 3 times the delay if that is
    /// longer. A file without any bytes counts as one with a pause.
    ///
    /// It was chosen by 6,122 clients (curl, lftp, ncftp, Python's `ftplib`) that were killed amid uploads, on two cores for
    /// which 5 to 20 processes competed, and by 1,677 others, with two such processes. Of the 6,122, 44 % had closed both
    /// connections when the server saw the first end. For half of them it saw the second one within 0.02 ms, for 90 %
    /// within 0.08 ms, 95 %: 2.7 ms, 99 %: 13 ms, 99.9 %: 42 ms; all within 0.3 s. By this rule 7 of their files would be
    /// stored in part, and none of the 1,677; by 5 ms for each upload, 181 of the 6,122. Of 1,646 clients that were killed
    /// later, with two such processes, the server stored no part.
    pub killed_client_grace: Duration,
    /// The same if the bytes came without delay and their end right behind them, as those of a client do that is done.
    /// Default 0.3 ms: of the killed clients that had sent like this, 99 % were gone after 0.07 ms. A file of less than
    /// 64 KiB that came like this does not wait. It is never more than
    /// [`killed_client_grace`](Self::killed_client_grace).
    pub prompt_client_grace: Duration,
    /// From the preliminary reply of a download or a listing on, for the client to close its side of the data
    /// connection, before the final reply leaves: a client that has done so has read the preliminary one. Some that find
    /// both in one read lose the file, or wait for ever (Erlang's `ftp`, snarf). Default 20 ms, for a client that waits
    /// for its turn on a busy machine. Only what is small waits, and only for clients that close late, or are far away.
    /// Zero is for clients that wait for the final reply before they close.
    pub data_close_grace: Duration,
    /// For [`Upload::finish`](crate::storage::Upload::finish). Default 5 min: the most patient client (lftp) waits so
    /// long. Clients that give up earlier (15 to 60 s) then upload again.
    ///
    /// After an `APPE`, or a `REST` with `STOR`, the finish may have to wait for more than what the client has sent: the
    /// `Filesystem` store copies the bytes that stay while new ones arrive, and a client that sends few has sent them before
    /// that is done. So this is also for copying a file of the size that clients continue, by a disk that may be busy.
    /// The client hears nothing until then, unless [`finish_patience`](Self::finish_patience) says so.
    pub finish_timeout: Duration,
    /// What the client hears meanwhile. Default: nothing.
    pub finish_patience: FinishPatience,
    /// What happens at the end of [`finish_timeout`](Self::finish_timeout). Default: `Abort`.
    pub finish_overdue: FinishOverdue,
    /// For [`Upload::abort`](crate::storage::Upload::abort), after which the upload is dropped. Default 30 s.
    pub abort_timeout: Duration,
    /// Detached finishes, and outcomes of them, that a session remembers. Default 8. While so many are running, a
    /// further one that is overdue is aborted.
    pub detached_limit: usize,
    /// For a finish that was detached, after which it is dropped. Default 1 h.
    pub detached_timeout: Duration,

    /// Ports that `PASV` and `EPSV` listen on. Default: whichever the system gives.
    ///
    /// Have several for each client that may come at once. In a range of one, a port has to be told again before its
    /// [rest](Self::passive_port_rest) is over. Then a client that sends commands ahead, and connects late for one
    /// transfer, is taken for the next one: what it sends is stored, and confirmed, under the wrong name.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// For a passive port that a client was told and has not used, before it is told to a client at that address again:
    /// a connection that comes late would be taken for that of another transfer. Default 2 min: the last attempt of a
    /// Linux client to connect leaves after 63 s, and the reply that told it the port may have been as late. Where all
    /// other ports rest or are in use, the one that has rested for longest is told all the same. Zero is no rest.
    pub passive_port_rest: Duration,
    /// The address in the reply to `PASV`. Default: the one that the client reached.
    pub passive_address: PassiveAddress,
    /// Who may be at the other end of a data connection. Default: the control connection's peer only.
    pub data_peer: DataPeer,

    /// What the server does about TLS. Default: it has none.
    pub tls: TlsSettings,

    /// Names that `HOST` accepts, in lower case, and addresses, an IPv6 address in brackets (`[2001:db8::1]`). A client
    /// that begins TLS for one of them has chosen it by that. Default `None`: all, and
    /// [`Credentials::host`](crate::accounts::Credentials::host) tells which.
    pub hosts: Option<Vec<String>>,
    /// The type that a session begins in, and returns to at `REIN`. Default `Ascii` (RFC 959 5.1). `Image` is for clients
    /// that send images and never say `TYPE I`.
    pub initial_type: Representation,
    /// What `TYPE A` does to the bytes of files. Default `LineEnds` (RFC 959 3.1.1.1).
    pub ascii_conversion: AsciiConversion,
    /// Whether an upload may be shorter than its client announced by `ALLO`. Default `Binding`, it may not: a client that is
    /// killed leaves no part of a file in its place.
    pub announced_size: AnnouncedSize,
    /// `SITE` commands that [`Storage::site`](crate::storage::Storage::site) runs. Default: none.
    pub site_commands: Vec<SiteCommand>,

    /// Control connections at once; one more is told `421`. Default 1000: below the usual limit of file descriptors,
    /// two of which an active session takes. While 64 are being told so, further ones are closed without a reply.
    pub connections_limit: usize,
    /// Control connections from one address at once. Default 100: parallel clients behind one NAT.
    pub connections_per_address_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            greeting: String::from("FTP server ready."),
            line_limit: 4096,
            skip_limit: 64 << 10,
            backlog_limit: 16 << 10,
            reply_limit: 16 << 10,
            status_entries_limit: 1000,
            pattern_limit: 255,
            sorted_entries_limit: 4000,
            time_precision: TimePrecision::Seconds,
            chunk_size: 256 << 10,
            log_in_attempts: 3,
            log_in_timeout: Duration::from_secs(60),
            control_idle_timeout: Duration::from_secs(5 * 60),
            request_timeout: Duration::from_secs(2 * 60),
            data_connect_timeout: Duration::from_secs(20),
            data_stall_timeout: Duration::from_secs(5 * 60),
            killed_client_grace: Duration::from_millis(100),
            prompt_client_grace: Duration::from_micros(300),
            data_close_grace: Duration::from_millis(20),
            finish_timeout: Duration::from_secs(5 * 60),
            finish_patience: FinishPatience::Silent,
            finish_overdue: FinishOverdue::Abort,
            abort_timeout: Duration::from_secs(30),
            detached_limit: 8,
            detached_timeout: Duration::from_secs(60 * 60),
            passive_ports: None,
            passive_port_rest: Duration::from_secs(2 * 60),
            passive_address: PassiveAddress::Local,
            data_peer: DataPeer::ControlPeer,
            tls: TlsSettings::default(),
            hosts: None,
            initial_type: Representation::Ascii,
            ascii_conversion: AsciiConversion::LineEnds,
            announced_size: AnnouncedSize::Binding,
            site_commands: Vec::new(),
            connections_limit: 1000,
            connections_per_address_limit: 100,
        }
    }
}

/// The IPv4 address that `PASV` tells the client to connect to.
#[derive(Clone)]
pub enum PassiveAddress {
    /// The server's end of the control connection.
    Local,
    /// A fixed one, of one host, for a server behind NAT.
    Fixed(Ipv4Addr),
    /// One that depends on the control connection, for a server that is reached by several ways.
    Resolve(Arc<dyn Fn(&Endpoints) -> Ipv4Addr + Send + Sync>),
}

impl fmt::Debug for PassiveAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("Local"),
            Self::Fixed(address) => f.debug_tuple("Fixed").field(address).finish(),
            Self::Resolve(_) => f.write_str("Resolve(..)"),
        }
    }
}

/// A `SITE` command of the embedding program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCommand {
    /// Its name, in capital letters.
    pub verb: String,
    /// How it is called, for `SITE HELP`; e.g. `"VERIFY <pathname>"`.
    pub syntax: String,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// What is wrong with the default settings after such a change.
    fn mistake(change: impl FnOnce(&mut Settings)) -> Option<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        Config::new(settings).err().map(|error| error.to_string())
    }

    /// What a number may be at least, for each field that has such a limit.
    #[test]
    fn sizes_have_a_least_value() {
        type Set = fn(&mut Settings, usize);
        let sizes: [(&str, usize, Set); 9] = [
            ("line_limit", 64, |settings, value| settings.line_limit = value),
            ("backlog_limit", 1, |settings, value| settings.backlog_limit = value),
            ("reply_limit", 1, |settings, value| settings.reply_limit = value),
            ("status_entries_limit", 1, |settings, value| settings.status_entries_limit = value),
            ("detached_limit", 1, |settings, value| settings.detached_limit = value),
            ("chunk_size", 512, |settings, value| settings.chunk_size = value),
            ("connections_limit", 1, |settings, value| settings.connections_limit = value),
            ("connections_per_address_limit", 1, |settings, value| {
                settings.connections_per_address_limit = value;
            }),
            ("log_in_attempts", 1, |settings, value| settings.log_in_attempts = value as u32),
        ];
        for (field, least, set) in sizes {
            assert_eq!(mistake(|settings| set(settings, least)), None);
            let expected = format!("the setting {field} is not usable: {} is less than {least}", least - 1);
            assert_eq!(mistake(|settings| set(settings, least - 1)), Some(expected));
        }
    }

    #[test]
    fn deadlines_are_not_zero() {
        type Deadline = fn(&mut Settings) -> &mut Duration;
        let deadlines: [(&str, Deadline); 9] = [
            ("log_in_timeout", |settings| &mut settings.log_in_timeout),
            ("control_idle_timeout", |settings| &mut settings.control_idle_timeout),
            ("request_timeout", |settings| &mut settings.request_timeout),
            ("data_connect_timeout", |settings| &mut settings.data_connect_timeout),
            ("data_stall_timeout", |settings| &mut settings.data_stall_timeout),
            ("finish_timeout", |settings| &mut settings.finish_timeout),
            ("abort_timeout", |settings| &mut settings.abort_timeout),
            ("detached_timeout", |settings| &mut settings.detached_timeout),
            ("tls.handshake_timeout", |settings| &mut settings.tls.handshake_timeout),
        ];
        for (field, deadline) in deadlines {
            let expected = format!("the setting {field} is not usable: it is zero");
            assert_eq!(mistake(|settings| *deadline(settings) = Duration::ZERO), Some(expected));
            let without_graces = |settings: &mut Settings| {
                settings.killed_client_grace = Duration::ZERO;
                settings.prompt_client_grace = Duration::ZERO;
                settings.data_close_grace = Duration::ZERO;
                *deadline(settings) = Duration::from_nanos(1);
            };
            assert_eq!(mistake(without_graces), None);
        }
        for (field, grace) in [
            ("killed_client_grace", (|settings| &mut settings.killed_client_grace) as Deadline),
            ("prompt_client_grace", |settings| &mut settings.prompt_client_grace),
            ("data_close_grace", |settings| &mut settings.data_close_grace),
        ] {
            let stall = Settings::default().data_stall_timeout;
            let expected =
                format!("the setting {field} is not usable: it is not shorter than data_stall_timeout");
            assert_eq!(mistake(|settings| *grace(settings) = stall), Some(expected));
        }
        assert_eq!(mistake(|settings| settings.killed_client_grace = Duration::ZERO), None);
        assert_eq!(mistake(|settings| settings.prompt_client_grace = Duration::ZERO), None);
        assert_eq!(mistake(|settings| settings.data_close_grace = Duration::ZERO), None);
        assert_eq!(mistake(|settings| settings.passive_port_rest = Duration::ZERO), None);
        for (silence, every, is_right) in [(0, 1, false), (1, 0, false), (1, 1, true)] {
            let (silence, every) = (Duration::from_secs(silence), Duration::from_secs(every));
            let patience = FinishPatience::ContinueAfter { silence, every };
            let expected = "the setting finish_patience is not usable: it is zero";
            let found = mistake(|settings| settings.finish_patience = patience);
            assert_eq!(found.as_deref(), (!is_right).then_some(expected));
        }
    }

    #[test]
    fn what_tls_has_to_protect_it_can() {
        let mistake = |start, requirement| {
            mistake(|settings| settings.tls = TlsSettings { start, requirement, ..TlsSettings::default() })
        };
        for requirement in [TlsRequirement::Control, TlsRequirement::ControlAndData] {
            let expected =
                "the setting tls.requirement is not usable: nobody could log in, for tls.start is Never";
            assert_eq!(mistake(TlsStart::Never, requirement).as_deref(), Some(expected));
            assert_eq!(mistake(TlsStart::Explicit, requirement), None);
            assert_eq!(mistake(TlsStart::Implicit, requirement), None);
        }
        assert_eq!(mistake(TlsStart::Never, TlsRequirement::Nothing), None);
    }

    #[test]
    fn a_passive_address_is_that_of_one_host() {
        let mistake =
            |ip: [u8; 4]| mistake(|settings| settings.passive_address = PassiveAddress::Fixed(ip.into()));
        assert_eq!(mistake([192, 0, 2, 1]), None);
        for unusable in [[0, 0, 0, 0], [224, 0, 0, 1], [255, 255, 255, 255]] {
            let expected = "the setting passive_address is not usable: no client can connect to ";
            assert!(mistake(unusable).unwrap().starts_with(expected), "{unusable:?}");
        }
    }

    #[test]
    fn passive_ports_are_some_and_not_privileged() {
        let mistake = |ports| mistake(|settings| settings.passive_ports = Some(ports));
        assert_eq!(mistake(1024..=1024), None);
        assert!(mistake(1023..=2000).unwrap().ends_with("1023 is a privileged port; take 1024 and above"));
        assert!(mistake(RangeInclusive::new(2001, 2000)).unwrap().ends_with("2001-2000 has no port in it"));
    }

    #[test]
    fn texts_cannot_break_a_reply() {
        let expected = "the setting greeting is not usable: it has a control character";
        assert_eq!(mistake(|settings| settings.greeting = "Hi\r\n".into()).as_deref(), Some(expected));
        assert_eq!(mistake(|settings| settings.greeting = "Grüß Gott".into()), None);

        let mistake = |verb: &str, syntax: &str| {
            let command = SiteCommand { verb: verb.into(), syntax: syntax.into() };
            mistake(|settings| settings.site_commands.push(command))
        };
        assert_eq!(mistake("VERIFY", "VERIFY <pathname>"), None);
        for (verb, syntax, problem) in [
            ("", "", "\"\" is not a word of capital letters"),
            ("Verify", "", "\"Verify\" is not a word of capital letters"),
            ("CHMOD", "", "\"CHMOD\" is a SITE command of the server's own"),
            ("VERIFY", "VERIFY\n", "\"VERIFY\" has a control character in its syntax"),
        ] {
            let expected = format!("the setting site_commands is not usable: {problem}");
            assert_eq!(mistake(verb, syntax), Some(expected));
        }
    }

    #[test]
    fn hosts_are_as_they_are_compared() {
        let mistake = |host: &str| mistake(|settings| settings.hosts = Some(Vec::from([host.into()])));
        for host in ["ftp.example.com", "192.0.2.1", "[2001:db8::1]"] {
            assert_eq!(mistake(host), None);
        }
        for host in ["FTP.example.com", "ftp.example.com.", "ftp.example.com:21", "[2001:DB8::1]", "::1", ""]
        {
            let problem = format!("{host:?} is no name or address as HOST is compared with it");
            assert_eq!(mistake(host), Some(format!("the setting hosts is not usable: {problem}")));
        }
    }

    #[test]
    fn a_mistake_names_its_field() {
        let error = Config::new(Settings { line_limit: 10, ..Settings::default() }).unwrap_err();
        assert_eq!(error.field(), "line_limit");
    }

    #[test]
    fn a_passive_address_is_shown() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(format!("{:?}", PassiveAddress::Local), "Local");
        assert_eq!(format!("{:?}", PassiveAddress::Fixed(address)), "Fixed(192.0.2.1)");
        assert_eq!(format!("{:?}", PassiveAddress::Resolve(Arc::new(move |_| address))), "Resolve(..)");
    }
}
