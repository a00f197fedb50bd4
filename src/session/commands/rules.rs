//! The table of commands.
//!
//! What a command may do follows from its row alone: the session looks the verb up, checks log-in and argument
//! against the row, and calls the row's method. `HELP` and `FEAT` are this table, read aloud. To add a command,
//! add a row and the method that it names.

use crate::{
    command::{Form, Verb},
    config::TlsStart,
    session::server_pi::ServerPi,
};

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The verb, and what follows it.
    pub(crate) form: Form,
    pub(crate) offer: Offer,
    pub(crate) log_in: LogIn,
    pub(crate) argument: Argument,
    pub(crate) in_transfer: InTransfer,
    pub(crate) carries: Carries,
    pub(crate) feature: Feature,
    /// The method that executes it.
    pub(crate) run: fn(&mut ServerPi, &[u8]),
}

/// Where the command is known by more than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Always,
    /// Where the server has TLS.
    WithTls,
    Never,
}

/// Whether the user has to be logged in (promise 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogIn {
    Needed,
    Free,
}

/// Whether something has to follow the verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    /// No: what follows is a mistake.
    None,
    /// It may be missing; blanks alone are nothing.
    Optional,
    /// It has to be there; blanks alone are nothing.
    Required,
    /// It may be missing, and is taken as it is: blanks can be a password.
    Verbatim,
}

/// What becomes of a command that comes while a transfer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InTransfer {
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
pub(crate) enum Carries {
    Nothing,
    /// The offset of `REST`. Clients open the data connection between `REST` and its transfer.
    Restart,
    /// The pathname of `RNFR`.
    Rename,
}

/// What the reply to `FEAT` has of a command (RFC 2389 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Nothing,
    Line(&'static str),
    /// The verb and the facts that it can tell, those marked that it does tell (RFC 3659 7.8).
    VerbAndFacts,
}

macro_rules! feature {
    ("") => {
        Feature::Nothing
    };
    (VerbAndFacts) => {
        Feature::VerbAndFacts
    };
    ($line:literal) => {
        Feature::Line($line)
    };
}

macro_rules! rules {
    ($($verb:literal $offer:ident $log_in:ident $argument:ident $in_transfer:ident $carries:ident $feature:tt
       $form:literal $run:ident)*) => {
        &[$(Rule {
            form: Form { verb: $verb, argument: $form },
            offer: Offer::$offer,
            log_in: LogIn::$log_in,
            argument: Argument::$argument,
            in_transfer: InTransfer::$in_transfer,
            carries: Carries::$carries,
            feature: feature!($feature),
            run: ServerPi::$run,
        }),*]
    };
}

/// Every command, in the order of `HELP`.
pub(crate) static RULES: &[Rule] = rules! {
    // Access control (RFC 959 4.1.1)
    "USER" Always  Free   Required Waits   Nothing "" "<user name>"                                  user
    "PASS" Always  Free   Verbatim Waits   Nothing "" "<password>"                                   pass
    "ACCT" Always  Free   Required Waits   Nothing "" "<account>"                                    acct
    "HOST" Always  Free   Required Waits   Nothing "HOST" "<host name>"                              host
    "CWD"  Always  Needed Required Waits   Nothing "" "<directory>"                                  cwd
    "CDUP" Always  Needed None     Waits   Nothing "" ""                                             cdup
    "REIN" Always  Free   None     Waits   Nothing "" ""                                             rein
    "QUIT" Always  Free   None     Waits   Nothing "" ""                                             quit
    // Security (RFC 2228 3, RFC 4217)
    "AUTH" WithTls Free   Required Waits   Nothing "AUTH TLS" "<TLS, TLS-C, TLS-P or SSL>"           auth
    "PBSZ" WithTls Free   Required Waits   Nothing "PBSZ" "0"                                        pbsz
    "PROT" WithTls Free   Required Waits   Nothing "PROT" "<C or P>"                                 prot
    "CCC"  WithTls Free   None     Waits   Nothing "CCC" ""                                          ccc
    // Transfer parameters (RFC 959 4.1.2)
    "PORT" Always  Needed Required Waits   Restart "" "<h1,h2,h3,h4,p1,p2>"                          port
    "PASV" Always  Needed None     Waits   Restart "" ""                                             pasv
    "EPRT" Always  Needed Required Waits   Restart "EPRT" "|<1 or 2>|<address>|<port>|"              eprt
    "EPSV" Always  Needed Optional Waits   Restart "EPSV" "[1 or 2 or ALL]"                          epsv
    "TYPE" Always  Needed Required Waits   Nothing "" "<A [N or T], I or L 8>"                       type_
    "STRU" Always  Needed Required Waits   Nothing "" "<F>"                                          stru
    "MODE" Always  Needed Required Waits   Nothing "" "<S>"                                          mode
    "OPTS" Always  Free   Required Waits   Nothing "" "<command> [options]"                          opts
    "LANG" Always  Free   Optional Waits   Nothing "LANG EN*" "[language]"                           lang
    // Service (RFC 959 4.1.3)
    "RETR" Always  Needed Required Waits   Restart "" "<file>"                                       retr
    "STOR" Always  Needed Required Waits   Restart "" "<file>"                                       stor
    "STOU" Always  Needed Optional Waits   Nothing "" "[file]"                                       stou
    "APPE" Always  Needed Required Waits   Restart "" "<file>"                                       appe
    "ALLO" Always  Needed Required Waits   Restart "" "<bytes> [R <record size>]"                    allo
    "REST" Always  Needed Required Waits   Nothing "REST STREAM" "<byte offset>"                     rest
    "RNFR" Always  Needed Required Waits   Nothing "" "<present name>"                               rnfr
    "RNTO" Always  Needed Required Waits   Rename  "" "<new name>"                                   rnto
    "ABOR" Always  Free   Optional Aborts  Nothing "" ""                                             abor
    "DELE" Always  Needed Required Waits   Nothing "" "<file>"                                       dele
    "RMD"  Always  Needed Required Waits   Nothing "" "<directory>"                                  rmd
    "MKD"  Always  Needed Required Waits   Nothing "" "<directory>"                                  mkd
    "PWD"  Always  Needed None     Waits   Nothing "" ""                                             pwd
    "LIST" Always  Needed Optional Waits   Nothing "" "[file or directory]"                          list
    "NLST" Always  Needed Optional Waits   Nothing "" "[file or directory]"                          nlst
    "MLSD" Always  Needed Optional Waits   Nothing "" "[directory]"                                  mlsd
    "MLST" Always  Needed Optional Waits   Nothing VerbAndFacts "[file or directory]"                mlst
    "SIZE" Always  Needed Required Waits   Nothing "SIZE" "<file>"                                   size
    "MDTM" Always  Needed Required Waits   Nothing "MDTM" "[YYYYMMDDhhmmss] <file>"                  mdtm
    "MFMT" Always  Needed Required Waits   Nothing "MFMT" "<YYYYMMDDhhmmss> <file>"                  mfmt
    "AVBL" Always  Needed Optional Waits   Nothing "AVBL" "[directory]"                              avbl
    "SITE" Always  Needed Required Waits   Nothing "" "<command> [argument]"                         site
    "SYST" Always  Free   None     Waits   Nothing "" ""                                             syst
    "STAT" Always  Free   Optional AtOnceIfBare Restart "" "[file or directory]"                     stat
    "HELP" Always  Free   Optional Waits   Nothing "" "[command]"                                    help
    "FEAT" Always  Free   None     Waits   Nothing "" ""                                             feat
    "CLNT" Always  Free   Required Waits   Nothing "CLNT" "<client name>"                            clnt
    "CSID" Always  Free   Required Waits   Nothing "CSID" "<Name=...; Version=...;>"                 csid
    "NOOP" Always  Free   Optional AtOnce  Restart "" ""                                             noop
    // The experimental names of RFC 775
    "XCWD" Always  Needed Required Waits   Nothing "" "<directory>"                                  cwd
    "XCUP" Always  Needed None     Waits   Nothing "" ""                                             cdup
    "XPWD" Always  Needed None     Waits   Nothing "" ""                                             pwd
    "XMKD" Always  Needed Required Waits   Nothing "" "<directory>"                                  mkd
    "XRMD" Always  Needed Required Waits   Nothing "" "<directory>"                                  rmd
    // Known, and not offered
    "SMNT" Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "ADAT" Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "MIC"  Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "CONF" Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "ENC"  Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "LPRT" Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
    "LPSV" Never   Free   Optional Waits   Nothing "" ""                                             not_implemented
};

/// Features that belong to no row (RFC 2640, RFC 3659 6).
pub(crate) const FEATURES: &[&str] = &["UTF8", "TVFS"];

/// The row of a verb.
pub(crate) fn find(verb: Verb) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.form.verb.as_bytes() == verb.as_bytes())
}

impl Rule {
    /// Whether the command is known by more than its name on a server where TLS begins like this.
    pub(crate) fn is_offered(&self, start: TlsStart) -> bool {
        match self.offer {
            Offer::Always => true,
            Offer::WithTls => start != TlsStart::Never,
            Offer::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_stands_once() {
        for rule in RULES {
            let name = rule.form.verb;
            let verb = Verb::parse(name.as_bytes()).expect(name);
            assert!(core::ptr::eq(find(verb).unwrap(), rule), "{name} stands twice");
            assert_eq!(name, name.to_ascii_uppercase());
        }
    }

    #[test]
    fn a_feature_begins_with_its_verb() {
        for rule in RULES {
            if let Feature::Line(line) = rule.feature {
                assert!(line.starts_with(rule.form.verb), "{line}");
            }
        }
    }
}
