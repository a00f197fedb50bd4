//! The reply codes that each command may have, written down from the RFCs.
//!
//! `codes` is the command's row of RFC 959 5.4, or what a later RFC says of it. `also` is what this server says beyond
//! that, each with the reason. Which of them are preliminary (1yz) follows from the digit.

/// A row of the table.
#[derive(Debug)]
pub struct Codes {
    pub verb: &'static str,
    pub codes: &'static [u16],
    pub also: &'static [(u16, &'static str)],
    /// Arguments that are right, and wrong ones.
    pub good: &'static [&'static str],
    pub bad: &'static [&'static str],
}

impl Codes {
    pub fn allows(&self, code: u16) -> bool {
        self.codes.contains(&code) || self.also.iter().any(|(also, _)| *also == code)
    }
}

/// The row of a verb in upper case.
pub fn find(verb: &str) -> Option<&'static Codes> {
    TABLE.iter().find(|row| row.verb == verb)
}

const NO_ARGUMENT: (u16, &str) = (501, "there is an argument, and the command has none");
const LOG_IN_FIRST: (u16, &str) =
    (530, "the RFC does not say what comes before log-in; every server says 530");
const NOT_FOUND: (u16, &str) = (550, "450 would make clients try again, and it is not there");
const NO_PASSIVE_PORT: (u16, &str) = (425, "no port is free: no data connection can be opened");
const NOT_THERE: (u16, &str) = (504, "RFC 2577 3: a port or host that is not connected to");
const BAD_REST: (u16, &str) = (554, "RFC 3659 5.4: the offset of REST is not possible");
const NO_ACCESS: (u16, &str) = (550, "RFC 959 4.2.2: file unavailable, e.g. no access");

macro_rules! table {
    ($($verb:literal [$($code:literal)*] also [$($also:ident)*] good [$($good:literal)*] bad [$($bad:literal)*])*) => {
        &[$(Codes {
            verb: $verb,
            codes: &[$($code),*],
            also: &[$($also),*],
            good: &[$($good),*],
            bad: &[$($bad),*],
        }),*]
    };
}

/// All commands.
pub const TABLE: &[Codes] = table! {
    // RFC 959 5.4, access control
    // 232: RFC 2228 6
    "USER" [230 232 530 500 501 421 331 332] also [] good ["anna"] bad ["" "\\xe9"]
    "PASS" [230 202 530 500 501 503 421 332] also [] good ["secret" ""] bad ["\\xff\\xff"]
    "ACCT" [230 202 530 500 501 503 421] also [] good ["sales"] bad [""]
    "CWD"  [250 500 501 502 421 530 550] also [] good ["a" "/" ".."] bad ["" "a\\x00b"]
    "CDUP" [200 500 501 502 421 530 550] also [AS_CWD] good [""] bad ["a"]
    "SMNT" [202 250 500 501 502 421 530 550] also [] good ["/mnt"] bad [""]
    "REIN" [120 220 421 500 502] also [NO_ARGUMENT] good [""] bad ["a"]
    "QUIT" [221 500] also [NO_ARGUMENT] good [""] bad ["a"]
    // Transfer parameters
    "PORT" [200 500 501 421 530] also [NOT_THERE] good ["198,51,100,7,195,80"]
        bad ["" "1,2,3" "203,0,113,9,195,80" "198,51,100,7,0,25" "256,0,0,1,1,1"]
    "PASV" [227 500 501 502 421 530] also [NO_PASSIVE_PORT] good [""] bad ["a"]
    "MODE" [200 500 501 504 421 530] also [] good ["S"] bad ["" "B" "C" "X"]
    "TYPE" [200 500 501 504 421 530] also [] good ["A" "I" "A N" "L 8"] bad ["" "E" "L 7" "X" "A C"]
    "STRU" [200 500 501 504 421 530] also [] good ["F"] bad ["" "R" "P" "X"]
    // File action commands
    "ALLO" [200 202 500 501 504 421 530] also [] good ["1" "1 R 1"] bad ["" "x" "99999999999999999999"]
    "REST" [500 501 502 421 530 350] also [NO_RESTART] good ["0" "1"] bad ["" "x" "99999999999999999999"]
    "STOR" [125 150 226 250 425 426 451 551 552 532 450 452 553 500 501 421 530] also [NEEDS_TLS NO_TLS NO_ACCESS BAD_REST]
        good ["a"] bad ["" "a\\x00b"]
    "STOU" [125 150 226 250 425 426 451 551 552 532 450 452 553 500 501 421 530] also [NEEDS_TLS NO_TLS NO_ACCESS]
        good ["" "a"] bad ["a\\x00b"]
    "RETR" [125 150 226 250 425 426 451 450 550 500 501 421 530] also [NEEDS_TLS NO_TLS BAD_REST] good ["a"] bad ["" "a\\x00b"]
    "LIST" [125 150 226 250 425 426 451 450 500 501 502 421 530] also [NEEDS_TLS NO_TLS NOT_FOUND] good ["" "-la" "a"]
        bad ["a\\x00b"]
    "NLST" [125 150 226 250 425 426 451 450 500 501 502 421 530] also [NEEDS_TLS NO_TLS NOT_FOUND] good ["" "a"] bad ["a\\x00b"]
    "APPE" [125 150 226 250 425 426 451 551 552 532 450 550 452 553 500 501 502 421 530] also [NEEDS_TLS NO_TLS] good ["a"]
        bad ["" "a\\x00b"]
    "RNFR" [450 550 500 501 502 421 530 350] also [] good ["a"] bad ["" "a\\x00b"]
    "RNTO" [250 532 553 500 501 502 503 421 530] also [NO_ACCESS] good ["b"] bad ["" "a\\x00b"]
    "DELE" [250 450 550 500 501 502 421 530] also [] good ["a"] bad ["" "a\\x00b"]
    "RMD"  [250 500 501 502 421 530 550] also [] good ["a"] bad ["" "a\\x00b"]
    "MKD"  [257 500 501 502 421 530 550] also [] good ["a"] bad ["" "a\\x00b"]
    "PWD"  [257 500 501 502 421 550] also [LOG_IN_FIRST] good [""] bad ["a"]
    "ABOR" [225 226 500 501 502 421] also [] good [""] bad []
    // Informational and miscellaneous commands
    "SYST" [215 500 501 502 421] also [] good [""] bad ["a"]
    "STAT" [211 212 213 450 500 501 502 421 530] also [NOT_FOUND] good ["" "a" "-l"] bad ["a\\x00b"]
    "HELP" [211 214 500 501 502 421] also [] good ["" "STOR"] bad ["FOO"]
    "SITE" [200 202 500 501 530] also [SITE_STATUS SITE_HELP SITE_REFUSED SITE_UNKNOWN]
        good ["HELP" "UPLOADS" "CHMOD 644 a" "UTIME 20240102030405 a"] bad ["" "FOO" "CHMOD" "UTIME x"]
    "NOOP" [200 500 421] also [] good ["" "a"] bad []
    // RFC 775, as RFC 959 has their successors
    "XCWD" [250 500 501 502 421 530 550] also [] good ["a"] bad [""]
    "XCUP" [200 500 501 502 421 530 550] also [AS_CWD] good [""] bad ["a"]
    "XPWD" [257 500 501 502 421 550] also [LOG_IN_FIRST] good [""] bad ["a"]
    "XMKD" [257 500 501 502 421 530 550] also [] good ["a"] bad [""]
    "XRMD" [250 500 501 502 421 530 550] also [] good ["a"] bad [""]
    // RFC 2389 3, 4
    "FEAT" [211 500 502 421] also [NO_ARGUMENT] good [""] bad ["a"]
    "OPTS" [200 451 500 501 502 421 530] also [ALWAYS_UTF8] good ["UTF8 ON" "MLST type;"] bad ["" "FOO" "UTF8 OFF"]
    // RFC 2428 2, 3, 4
    "EPRT" [200 500 501 421 522 530] also [NOT_THERE] good ["|1|198.51.100.7|50000|"]
        bad ["" "|1|" "|3|198.51.100.7|50000|" "|1|203.0.113.9|50000|"]
    "EPSV" [229 200 500 501 502 421 522 530] also [NO_PASSIVE_PORT] good ["" "1" "ALL"] bad ["2" "3" "x"]
    // RFC 2640 4.2
    "LANG" [200 500 501 502 504 421 530] also [] good ["" "EN"] bad ["FR"]
    // RFC 3659 3, 4, 7
    "MDTM" [213 500 501 502 421 530 550] also [] good ["a"] bad ["" "a\\x00b"]
    "SIZE" [213 500 501 502 421 530 550] also [] good ["a"] bad ["" "a\\x00b"]
    "MLST" [250 500 501 502 421 530 550] also [] good ["" "a"] bad ["a\\x00b"]
    "MLSD" [125 150 226 250 425 426 451 500 501 502 421 530 550] also [NEEDS_TLS NO_TLS] good ["" "a"] bad ["a\\x00b"]
    // RFC 7151 3.2
    "HOST" [220 500 501 502 503 504 421 530] also [] good ["ftp.example.com"] bad ["" "a b"]
    // The drafts of MFMT, AVBL and CSID, and the custom of CLNT
    "MFMT" [213 500 501 502 504 421 530 550] also [] good ["20240102030405 a"] bad ["" "x a" "20240102030405"]
    "AVBL" [213 500 501 502 421 530 550] also [] good ["" "a"] bad ["a\\x00b"]
    "CSID" [200 500 501 502 421 530] also [] good ["Name=probe;"] bad [""]
    "CLNT" [200 500 501 502 421 530] also [] good ["probe"] bad [""]
    // RFC 2228 5.1, and 521 and 522 of RFC 4217 10
    "AUTH" [234 334 502 504 534 431 500 501 421] also [SECURED] good ["TLS" "TLS-P"] bad ["" "KERBEROS_V4"]
    "PBSZ" [200 503 500 501 421 530] also [NO_SECURITY] good ["0"] bad ["" "x"]
    "PROT" [200 504 536 503 534 431 500 501 421 530] also [NO_SECURITY] good ["P" "C"] bad ["" "S" "E" "X"]
    "CCC"  [200 500 501 533 534 421] also [NO_SECURITY] good [""] bad ["a"]
    // RFC 2228 and RFC 1639: known, and not offered
    "ADAT" [502] also [] good ["a"] bad [""]
    "MIC"  [502] also [] good ["a"] bad [""]
    "CONF" [502] also [] good ["a"] bad [""]
    "ENC"  [502] also [] good ["a"] bad [""]
    "LPRT" [502] also [] good ["4,4,198,51,100,7,2,195,80"] bad [""]
    "LPSV" [502] also [] good [""] bad ["a"]
};

const NEEDS_TLS: (u16, &str) = (521, "RFC 4217 10: no data connection with this PROT");
const NO_TLS: (u16, &str) = (522, "RFC 4217 10: no TLS on the data connection");
const SECURED: (u16, &str) = (503, "TLS protects the control connection already");
const NO_SECURITY: (u16, &str) = (502, "the server has no TLS");
const AS_CWD: (u16, &str) = (250, "RFC 959 4.1.1: its reply codes are those of CWD");
const NO_RESTART: (u16, &str) = (504, "not with TYPE A");
const SITE_STATUS: (u16, &str) = (211, "SITE UPLOADS tells a status");
const SITE_HELP: (u16, &str) = (214, "RFC 959 4.1.3: HELP SITE is help");
const SITE_REFUSED: (u16, &str) = (550, "the store refuses");
const SITE_UNKNOWN: (u16, &str) = (504, "a SITE command that is not there");
const ALWAYS_UTF8: (u16, &str) = (504, "UTF-8 cannot be switched off");
