//! How a server uses TLS (RFC 4217).

use core::time::Duration;

/// What a server does about TLS. By default it has none.
///
/// The keys and certificates are the adapter's: see `adapters::tls` (feature `tls`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSettings {
    /// When TLS begins on a control connection. Default: `Never`.
    pub start: TlsStart,
    /// What a client has to protect. Default: nothing; a server that asks for passwords should take at least
    /// [`Control`](TlsRequirement::Control), once its clients are known to speak TLS.
    pub requirement: TlsRequirement,
    /// Whether a data connection resumes the TLS session of its control connection. Default: `Offer`.
    pub session_reuse: SessionReuse,
    /// What an upload is whose data connection ends without `close_notify`. Default: `Refuse`.
    pub truncation: Truncation,
    /// For a handshake on the control connection, or on a data connection that a transfer waits for. Default 20 s: some
    /// TCP retransmissions, as for the data connection.
    pub handshake_timeout: Duration,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            start: TlsStart::Never,
            requirement: TlsRequirement::Nothing,
            session_reuse: SessionReuse::Offer,
            truncation: Truncation::Refuse,
            handshake_timeout: Duration::from_secs(20),
        }
    }
}

/// When TLS begins on a control connection: the two kinds of FTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsStart {
    /// There is no TLS: `AUTH` is not implemented.
    Never,
    /// Explicit FTPS (RFC 4217), on the usual port: when the client asks for it by `AUTH`.
    Explicit,
    /// Implicit FTPS, which is older and has a port of its own, usually 990: at once, before the `220`. Data connections are
    /// protected, too, unless the client says `PROT C`.
    Implicit,
}

/// What a client has to protect by TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsRequirement {
    /// Nothing.
    Nothing,
    /// The control connection: nobody logs in without TLS.
    Control,
    /// Data connections, too: there is no transfer without `PROT P`.
    ControlAndData,
}

/// Whether a data connection resumes the TLS session of its control connection. One that does was made by the one who made
/// the control connection; no address proves that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionReuse {
    /// It cannot.
    Off,
    /// It can.
    Offer,
    /// It has to. Clients that cannot do that get `522` to each transfer; some of them cannot under TLS 1.3 only. One that
    /// uses each of its tickets once has no more of them after some transfers, if it only stores, or always begins TLS on
    /// the data connection before it says what for: then nobody knows whether it would read new ones.
    Require,
}

/// What an upload is whose data connection ends in good order for TCP, but without TLS's `close_notify`: whole, or cut
/// off on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Cut off: it is aborted.
    Refuse,
    /// Whole, for the sake of old clients that never send `close_notify`. The store is told
    /// ([`Upload::handle_missing_close_notify`](crate::storage::Upload::handle_missing_close_notify)).
    Accept,
}
