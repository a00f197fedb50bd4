//! The table of commands.
//!
//! What a command may do follows from its row alone: the session looks the verb up, checks log-in and argument
//! against the row, and calls the row's method. `HELP`, `FEAT` and `SITE HELP` are this table, read aloud. To add a
//! command, add a row and the method that it names.

use super::server_pi::ServerPi;
use crate::command::Verb;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Rule {
    /// The verb, in upper case.
    pub(super) name: &'static str,
    pub(super) log_in: LogIn,
    pub(super) argument: Argument,
    pub(super) in_transfer: InTransfer,
    pub(super) carries: Carries,
    /// Its line in the reply to `FEAT` (RFC 2389), or nothing.
    pub(super) feature: &'static str,
    /// What follows the verb, for the reply to `HELP`.
    pub(super) syntax: &'static str,
    /// The method that executes it.
    pub(super) run: fn(&mut ServerPi, &[u8]),
}

/// Whether the user has to be logged in (promise 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogIn {
    Needed,
    Free,
}

/// Whether something has to follow the verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// No: what follows is a mistake.
    None,
    Optional,
    Required,
}

/// What becomes of a command that comes while a transfer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InTransfer {
    /// It waits until the transfer has been answered.
    Waits,
    /// It is answered at once.
    AtOnce,
    /// It is answered at once, but waits if it has an argument, about which the store would be asked.
    AtOnceIfBare,
    /// It ends the transfer.
    Aborts,
}

/// What an earlier command said that outlives this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Nothing,
    /// The offset of `REST`. Clients open the data connection between `REST` and its transfer.
    Restart,
    /// The pathname of `RNFR`.
    Rename,
}

macro_rules! rules {
    ($($name:literal $log_in:ident $argument:ident $in_transfer:ident $carries:ident $feature:literal $syntax:literal
       $run:ident)*) => {
        &[$(Rule {
            name: $name,
            log_in: LogIn::$log_in,
            argument: Argument::$argument,
            in_transfer: InTransfer::$in_transfer,
            carries: Carries::$carries,
            feature: $feature,
            syntax: $syntax,
            run: ServerPi::$run,
        }),*]
    };
}

/// Every command, in the order of `HELP`.
pub(super) static RULES: &[Rule] = rules! {
    // Access control (RFC 959 4.1.1)
    "USER" Free   Required Waits   Nothing "" "<user name>"                              user
    "PASS" Free   Optional Waits   Nothing "" "<password>"                               pass
    "ACCT" Free   Required Waits   Nothing "" "<account>"                                acct
    "HOST" Free   Required Waits   Nothing "HOST" "<host name>"                          host
    "CWD"  Needed Required Waits   Nothing "" "<directory>"                              cwd
    "CDUP" Needed None     Waits   Nothing "" ""                                         cdup
    "REIN" Free   None     Waits   Nothing "" ""                                         rein
    "QUIT" Free   None     Waits   Nothing "" ""                                         quit
    // Transfer parameters (RFC 959 4.1.2)
    "PORT" Needed Required Waits   Restart "" "<h1,h2,h3,h4,p1,p2>"                      port
    "PASV" Needed None     Waits   Restart "" ""                                         pasv
    "EPRT" Needed Required Waits   Restart "EPRT" "|<1 or 2>|<address>|<port>|"          eprt
    "EPSV" Needed Optional Waits   Restart "EPSV" "[1 or 2 or ALL]"                      epsv
    "TYPE" Needed Required Waits   Nothing "" "<A [N], I or L 8>"                        type_
    "STRU" Needed Required Waits   Nothing "" "<F>"                                      stru
    "MODE" Needed Required Waits   Nothing "" "<S>"                                      mode
    "OPTS" Free   Required Waits   Nothing "" "<command> [options]"                      opts
    "LANG" Free   Optional Waits   Nothing "LANG EN*" "[language]"                       lang
    // Service (RFC 959 4.1.3)
    "RETR" Needed Required Waits   Restart "" "<file>"                                   retr
    "STOR" Needed Required Waits   Restart "" "<file>"                                   stor
    "STOU" Needed Optional Waits   Nothing "" "[file]"                                   stou
    "APPE" Needed Required Waits   Nothing "" "<file>"                                   appe
    "ALLO" Needed Required Waits   Restart "" "<bytes> [R <record size>]"                allo
    "REST" Needed Required Waits   Nothing "REST STREAM" "<byte offset>"                 rest
    "RNFR" Needed Required Waits   Nothing "" "<present name>"                           rnfr
    "RNTO" Needed Required Waits   Rename  "" "<new name>"                               rnto
    "ABOR" Free   Optional Aborts  Nothing "" ""                                         abor
    "DELE" Needed Required Waits   Nothing "" "<file>"                                   dele
    "RMD"  Needed Required Waits   Nothing "" "<directory>"                              rmd
    "MKD"  Needed Required Waits   Nothing "" "<directory>"                              mkd
    "PWD"  Needed None     Waits   Nothing "" ""                                         pwd
    "LIST" Needed Optional Waits   Nothing "" "[file or directory]"                      list
    "NLST" Needed Optional Waits   Nothing "" "[file or directory]"                      nlst
    "MLSD" Needed Optional Waits   Nothing "" "[directory]"                              mlsd
    "MLST" Needed Optional Waits   Nothing "" "[file or directory]"                      mlst
    "SIZE" Needed Required Waits   Nothing "SIZE" "<file>"                               size
    "MDTM" Needed Required Waits   Nothing "MDTM" "<file>"                               mdtm
    "MFMT" Needed Required Waits   Nothing "MFMT" "<YYYYMMDDhhmmss> <file>"              mfmt
    "AVBL" Needed Optional Waits   Nothing "AVBL" "[directory]"                          avbl
    "SITE" Needed Required Waits   Nothing "" "<command> [argument]"                     site
    "SYST" Free   None     Waits   Nothing "" ""                                         syst
    "STAT" Free   Optional AtOnceIfBare Restart "" "[file or directory]"                 stat
    "HELP" Free   Optional Waits   Nothing "" "[command]"                                help
    "FEAT" Free   None     Waits   Nothing "" ""                                         feat
    "CLNT" Free   Required Waits   Nothing "CLNT" "<client name>"                        clnt
    "CSID" Free   Required Waits   Nothing "CSID" "<Name=...; Version=...;>"             csid
    "NOOP" Free   Optional AtOnce  Restart "" ""                                         noop
    // The experimental names of RFC 775
    "XCWD" Needed Required Waits   Nothing "" "<directory>"                              cwd
    "XCUP" Needed None     Waits   Nothing "" ""                                         cdup
    "XPWD" Needed None     Waits   Nothing "" ""                                         pwd
    "XMKD" Needed Required Waits   Nothing "" "<directory>"                              mkd
    "XRMD" Needed Required Waits   Nothing "" "<directory>"                              rmd
    // Known, and not offered
    "SMNT" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "AUTH" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "ADAT" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "PBSZ" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "PROT" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "CCC"  Free   Optional Waits   Nothing "" ""                                         not_implemented
    "MIC"  Free   Optional Waits   Nothing "" ""                                         not_implemented
    "CONF" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "ENC"  Free   Optional Waits   Nothing "" ""                                         not_implemented
    "LPRT" Free   Optional Waits   Nothing "" ""                                         not_implemented
    "LPSV" Free   Optional Waits   Nothing "" ""                                         not_implemented
};

/// Features that belong to no row (RFC 2640, RFC 3659 6).
pub(super) const FEATURES: &[&str] = &["UTF8", "TVFS"];

/// The row of a verb.
pub(super) fn find(verb: Verb) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name.as_bytes() == verb.as_bytes())
}

impl Rule {
    /// Whether the command is known by name only.
    pub(super) fn is_offered(&self) -> bool {
        !core::ptr::fn_addr_eq(self.run, ServerPi::not_implemented as fn(&mut ServerPi, &[u8]))
    }
}

/// A row of the table of `SITE` commands.
#[derive(Debug)]
pub(super) struct SiteRule {
    pub(super) name: &'static str,
    pub(super) syntax: &'static str,
    pub(super) run: fn(&mut ServerPi, &[u8]),
}

/// The `SITE` commands of the server's own.
pub(super) static SITE_RULES: &[SiteRule] = &[
    SiteRule { name: "CHMOD", syntax: "CHMOD <octal mode> <file>", run: ServerPi::site_chmod },
    SiteRule { name: "HELP", syntax: "HELP", run: ServerPi::site_help },
    SiteRule { name: "UPLOADS", syntax: "UPLOADS", run: ServerPi::site_uploads },
    SiteRule { name: "UTIME", syntax: "UTIME <YYYYMMDDhhmmss> <file>", run: ServerPi::site_utime },
];

/// Whether the embedding program cannot add a `SITE` command of this name.
pub(crate) fn is_own_site_command(verb: &[u8]) -> bool {
    SITE_RULES.iter().any(|rule| rule.name.as_bytes() == verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_verb_and_stands_once() {
        for (i, rule) in RULES.iter().enumerate() {
            let verb = Verb::parse(rule.name.as_bytes()).expect(rule.name);
            assert!(core::ptr::eq(find(verb).unwrap(), rule), "{} stands twice", rule.name);
            assert_eq!(rule.name, rule.name.to_ascii_uppercase(), "row {i}");
        }
    }

    #[test]
    fn a_feature_begins_with_its_verb() {
        for rule in RULES.iter().filter(|rule| !rule.feature.is_empty()) {
            assert!(rule.feature.starts_with(rule.name), "{}", rule.name);
        }
    }
}
