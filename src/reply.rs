//! Replies of the control connection (RFC 959 4.2).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// A reply, ready to be sent.
///
/// It is made of its wire bytes and nothing else: always at least one line, every line ended by CR LF, the last one
/// starting with the code and a blank, no CR, LF or NUL within a line, and 0xFF doubled as Telnet wants it
/// (RFC 1123 4.1.2.12).
///
/// ```
/// use sansftp::reply::Reply;
///
/// const READY: Reply = Reply::from_static("220 FTP server ready.\r\n");
/// assert_eq!(READY.code().number(), 220);
/// assert_eq!(READY.as_bytes(), b"220 FTP server ready.\r\n");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply(Bytes);

impl Reply {
    /// A reply whose wire bytes are known when the program is compiled.
    ///
    /// # Panics
    ///
    /// If `wire` is not what [`Reply`] promises. In a `const` that is an error of compilation.
    #[must_use]
    pub const fn from_static(wire: &'static str) -> Self {
        let bytes = wire.as_bytes();
        assert!(
            is_wire_form(bytes),
            "a reply has its code and a blank on its last line and CR LF after each"
        );
        Self(Bytes::from_static(bytes))
    }

    /// A reply of one line. For more, and without an allocation for each, see [`ReplyBuffer`].
    #[must_use]
    pub fn new(code: ReplyCode, text: &str) -> Self {
        ReplyBuffer::default().line(code, text)
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> ReplyCode {
        let digits = self.0.iter().take(3).fold(0, |number, digit| number * 10 + u16::from(digit & 0x0F));
        ReplyCode(digits)
    }

    /// What goes over the control connection.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What goes over the control connection, to be queued without copying.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({:?})", self.0)
    }
}

/// Whether bytes have the form that RFC 959 4.2 gives to a reply, with a text that cannot break it.
const fn is_wire_form(wire: &[u8]) -> bool {
    let [
        first @ b'1'..=b'5',
        second @ b'0'..=b'9',
        third @ b'0'..=b'9',
        separator @ (b' ' | b'-'),
        text @ ..,
    ] = wire
    else {
        return false;
    };
    let mut is_last_line = *separator == b' ';
    let mut rest = text;
    loop {
        match rest {
            [b'\r', b'\n'] => return is_last_line,
            [b'\r', b'\n', ..] if is_last_line => return false,
            [b'\r', b'\n', line @ ..] => {
                is_last_line =
                    matches!(line, [a, b, c, b' ', ..] if *a == *first && *b == *second && *c == *third);
                rest = line;
            }
            [] | [b'\r' | b'\n' | 0, ..] => return false,
            [_, following @ ..] => rest = following,
        }
    }
}

/// The three digits of a reply. Its constants are all the codes that this library sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

macro_rules! reply_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl ReplyCode {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }
    };
}

reply_codes! {
    /// The data connection is open, the transfer starts.
    DATA_ALREADY_OPEN = 125,
    /// The file is all right, the data connection will be opened.
    DATA_OPENING = 150,
    /// Done.
    OK = 200,
    /// Not needed here.
    SUPERFLUOUS = 202,
    /// System status, system help, or the list of features.
    SYSTEM_STATUS = 211,
    /// Status of a directory.
    DIRECTORY_STATUS = 212,
    /// Status of a file: its size, its modification time.
    FILE_STATUS = 213,
    /// Help.
    HELP = 214,
    /// The system's name.
    SYSTEM_NAME = 215,
    /// Ready for a new user.
    READY = 220,
    /// The server closes the control connection.
    CLOSING = 221,
    /// The transfer is complete: the file is in place, or the last byte has been sent.
    TRANSFER_COMPLETE = 226,
    /// Entering passive mode.
    PASSIVE = 227,
    /// Entering extended passive mode (RFC 2428).
    EXTENDED_PASSIVE = 229,
    /// Logged in.
    LOGGED_IN = 230,
    /// Logged in, by what the TLS handshake has proved (RFC 2228).
    LOGGED_IN_BY_SECURITY = 232,
    /// The security mechanism is accepted (RFC 2228).
    SECURITY_ACCEPTED = 234,
    /// The requested file action is done.
    FILE_ACTION_DONE = 250,
    /// A pathname: of the new directory, or of the working directory.
    PATHNAME = 257,
    /// A password is needed.
    NEED_PASSWORD = 331,
    /// An account is needed.
    NEED_ACCOUNT = 332,
    /// A further command is needed.
    PENDING = 350,
    /// The service is not available; the control connection is closed.
    SERVICE_UNAVAILABLE = 421,
    /// No data connection could be opened.
    NO_DATA_CONNECTION = 425,
    /// The transfer was aborted.
    TRANSFER_ABORTED = 426,
    /// The file is busy.
    FILE_BUSY = 450,
    /// A local error.
    LOCAL_ERROR = 451,
    /// No space left.
    NO_SPACE = 452,
    /// The command is not known or too long.
    SYNTAX_ERROR = 500,
    /// The argument is wrong.
    ARGUMENT_ERROR = 501,
    /// The command is not implemented.
    NOT_IMPLEMENTED = 502,
    /// The command comes out of sequence.
    BAD_SEQUENCE = 503,
    /// The command is not implemented for this parameter.
    PARAMETER_NOT_IMPLEMENTED = 504,
    /// No data connection with this protection level (RFC 4217 10).
    PROTECTION_REQUIRED = 521,
    /// The network protocol is not supported (RFC 2428).
    PROTOCOL_NOT_SUPPORTED = 522,
    /// The TLS handshake on the data connection did not succeed (RFC 4217 10).
    DATA_NOT_SECURED = 522,
    /// Not logged in.
    NOT_LOGGED_IN = 530,
    /// The control connection is not protected (RFC 2228).
    NOT_PROTECTED = 533,
    /// The server's policy does not allow it (RFC 2228).
    REFUSED_BY_POLICY = 534,
    /// The mechanism does not have this protection level (RFC 2228).
    PROTECTION_NOT_SUPPORTED = 536,
    /// The file is not available.
    FILE_UNAVAILABLE = 550,
    /// The content is refused.
    CONTENT_REFUSED = 551,
    /// The user's allowance is used up.
    OVER_QUOTA = 552,
    /// The name is not allowed.
    NAME_REFUSED = 553,
    /// The restart offset is not possible (RFC 3659 5.4).
    BAD_RESTART = 554,
}

impl ReplyCode {
    /// The code as a number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether it is a preliminary reply, after which another one follows.
    #[must_use]
    pub const fn is_preliminary(self) -> bool {
        self.0 < 200
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// Composes replies in memory that it uses again once they have been sent.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub struct ReplyBuffer(BytesMut);

impl ReplyBuffer {
    /// A reply of one line.
    pub fn line(&mut self, code: ReplyCode, text: impl AsRef<[u8]>) -> Reply {
        self.compose(code).bytes(text.as_ref()).finish()
    }

    /// Starts a reply, to be filled piece by piece.
    pub fn compose(&mut self, code: ReplyCode) -> ReplyComposer<'_> {
        // One that was never finished may have left something.
        self.0.clear();
        self.0.reserve(64);
        let mut composer = ReplyComposer { buffer: &mut self.0, code };
        composer.put_code();
        composer
    }
}

/// A reply that is being composed. Text goes to the current line; whatever would break it (CR, LF, NUL) becomes a
/// blank.
///
/// ```
/// use sansftp::reply::{ReplyBuffer, ReplyCode};
///
/// let mut buffer = ReplyBuffer::default();
/// let reply = buffer
///     .compose(ReplyCode::SYSTEM_STATUS)
///     .text("Features:")
///     .inner_line()
///     .text("SIZE")
///     .last_line()
///     .text("End")
///     .finish();
/// assert_eq!(reply.as_bytes(), b"211-Features:\r\n SIZE\r\n211 End\r\n");
/// ```
#[derive(Debug)]
#[must_use = "a reply that is not finished is lost"]
pub struct ReplyComposer<'a> {
    buffer: &'a mut BytesMut,
    code: ReplyCode,
}

impl ReplyComposer<'_> {
    /// Adds text.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds text that need not be UTF-8.
    pub fn bytes(self, text: &[u8]) -> Self {
        let mut rest = text;
        while let Some(harmful) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0 | 0xFF)) {
            let (harmless, following) = rest.split_at(harmful);
            let (first, following) = following.split_at(1);
            self.buffer.put_slice(harmless);
            self.buffer.put_slice(if first == [0xFF] { &[0xFF, 0xFF] } else { b" " });
            rest = following;
        }
        self.buffer.put_slice(rest);
        self
    }

    /// Adds a value as `format_args!` shows it.
    pub fn value(mut self, value: impl fmt::Display) -> Self {
        // Writing to memory does not fail; a Display that fails leaves its text unfinished, which harms nobody.
        let _ = fmt::Write::write_fmt(&mut self, format_args!("{value}"));
        self
    }

    /// Ends the line and starts one that stands between the first and the last one, with the blank that keeps its
    /// text from looking like a code.
    pub fn inner_line(mut self) -> Self {
        self.end_line();
        self.buffer.put_u8(b' ');
        self
    }

    /// Ends the line and starts the last one.
    pub fn last_line(mut self) -> Self {
        self.end_line();
        self.put_code();
        self
    }

    /// Ends the reply.
    pub fn finish(self) -> Reply {
        self.buffer.put_slice(b"\r\n");
        Reply(self.buffer.split().freeze())
    }

    /// Ends the first line of a reply whose last one comes later, or never.
    pub(crate) fn finish_line(mut self) -> Bytes {
        self.end_line();
        self.buffer.split().freeze()
    }

    /// Ends a line behind which there is another one.
    fn end_line(&mut self) {
        if let Some(separator) = self.buffer.get_mut(3) {
            *separator = b'-';
        }
        self.buffer.put_slice(b"\r\n");
    }

    fn put_code(&mut self) {
        let code = self.code.0;
        for digit in [code / 100, code / 10 % 10, code % 10] {
            self.buffer.put_u8(b'0' + digit.to_le_bytes()[0]);
        }
        self.buffer.put_u8(b' ');
    }
}

impl fmt::Write for ReplyComposer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let again = ReplyComposer { buffer: &mut *self.buffer, code: self.code };
        let _ = again.bytes(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_its_code() {
        assert_eq!(Reply::new(ReplyCode::TRANSFER_COMPLETE, "Done.").code(), ReplyCode::TRANSFER_COMPLETE);
        assert_eq!(Reply::from_static("550-No\r\n 226 nor that\r\n550 such file\r\n").code().number(), 550);
        assert_eq!(format!("{}", ReplyCode::NOT_LOGGED_IN), "530");
        assert_eq!(Reply::from_static("200 OK.\r\n").into_bytes(), "200 OK.\r\n");
        assert_eq!(format!("{:?}", Reply::from_static("200 OK.\r\n")), "Reply(b\"200 OK.\\r\\n\")");
        assert!(ReplyCode::DATA_OPENING.is_preliminary() && !ReplyCode::OK.is_preliminary());
    }

    #[test]
    fn has_many_lines() {
        let mut buffer = ReplyBuffer::default();
        let reply = buffer
            .compose(ReplyCode::HELP)
            .text("first")
            .inner_line()
            .text("214 looks like the end")
            .inner_line()
            .last_line()
            .value(7)
            .text(" lines")
            .finish();
        assert_eq!(reply.as_bytes(), b"214-first\r\n 214 looks like the end\r\n \r\n214 7 lines\r\n");
        let reply = buffer.compose(ReplyCode::HELP).text("first").last_line().text("last").finish();
        assert_eq!(reply.as_bytes(), b"214-first\r\n214 last\r\n");
    }

    #[test]
    fn cannot_be_broken_by_its_text() {
        let reply = ReplyBuffer::default().line(ReplyCode::OK, b"a\r\n230 b\0c\xFFd\xFF");
        assert_eq!(reply.as_bytes(), b"200 a  230 b c\xFF\xFFd\xFF\xFF\r\n");
        let reply = ReplyBuffer::default().compose(ReplyCode::OK).value("x\r\ny").finish();
        assert_eq!(reply.as_bytes(), b"200 x  y\r\n");
    }

    #[test]
    fn uses_its_memory_again() {
        let mut buffer = ReplyBuffer::default();
        let first = buffer.line(ReplyCode::OK, "first").as_bytes().as_ptr();
        for _ in 0..1000 {
            let next = buffer.line(ReplyCode::OK, "Not longer than the reservation is.");
            assert_eq!(next.as_bytes().as_ptr(), first);
        }
    }

    #[test]
    fn leaves_replies_alone_that_are_not_sent_yet() {
        let mut buffer = ReplyBuffer::default();
        let replies: Vec<Reply> =
            (0..100).map(|number| buffer.compose(ReplyCode::OK).value(number).finish()).collect();
        for (number, reply) in replies.iter().enumerate() {
            assert_eq!(reply.as_bytes(), format!("200 {number}\r\n").as_bytes());
        }
    }

    /// A composer that was dropped left its text in front of the next reply.
    #[test]
    fn is_not_mixed_with_one_that_was_never_finished() {
        let mut buffer = ReplyBuffer::default();
        drop(buffer.compose(ReplyCode::LOGGED_IN).text("Welcome."));
        assert_eq!(buffer.line(ReplyCode::NOT_LOGGED_IN, "No.").as_bytes(), b"530 No.\r\n");
    }

    #[test]
    fn static_ones_are_checked() {
        for wire in ["220 \r\n", "220 Ready.\r\n", "211-a\r\n b\r\n211 c\r\n", "211-a\r\n211-b\r\n211 c\r\n"]
        {
            assert!(is_wire_form(wire.as_bytes()), "{wire:?}");
        }
        for wire in [
            "",
            "220",
            "220\r\n",
            "220 Ready.",
            "220 Ready.\n",
            "620 Ready.\r\n",
            "2x0 Ready.\r\n",
            "220-Ready.\r\n",
            "220-Ready.\r\n221 Ready.\r\n",
            "220 Ready.\r\n220 Ready.\r\n",
            "220 Re\nady.\r\n",
            "220 Re\rady.\r\n",
            "220 Re\0ady.\r\n",
            "220-a\r\n220 b",
        ] {
            assert!(!is_wire_form(wire.as_bytes()), "{wire:?}");
        }
    }

    /// What a reply is made of: text, a value, a new line.
    fn pieces() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
        let byte =
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(0), Just(0xFF), Just(b'2'), Just(b' '), any::<u8>()];
        prop::collection::vec((0..3_u8, prop::collection::vec(byte, 0..20)), 0..8)
    }

    proptest! {
        /// Promise 11: no byte of a name can break a reply.
        #[test]
        fn always_has_the_wire_form(pieces in pieces()) {
            let mut buffer = ReplyBuffer::default();
            let mut reply = buffer.compose(ReplyCode::SYSTEM_STATUS);
            for (kind, text) in &pieces {
                reply = match kind {
                    0 => reply.bytes(text),
                    1 => reply.value(String::from_utf8_lossy(text)),
                    _ => reply.inner_line().bytes(text),
                };
            }
            let reply = reply.last_line().text("End").finish();
            prop_assert!(is_wire_form(reply.as_bytes()), "{:?}", reply);
            let has_single_ff =
                reply.as_bytes().split(|&byte| byte != 0xFF).any(|run| run.len() % 2 == 1);
            prop_assert!(!has_single_ff, "{:?}", reply);
        }
    }
}
