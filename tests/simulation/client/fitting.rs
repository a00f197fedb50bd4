//! Which replies a command can have.

/// Replies that a failing store leads to.
const STORE_FAILURES: [u16; 11] = [426, 450, 451, 452, 502, 504, 550, 551, 552, 553, 554];

pub fn is_transfer(verb: &str) -> bool {
    matches!(verb, "STOR" | "STOU" | "APPE" | "RETR" | "LIST" | "NLST" | "MLSD")
}

/// Whether a command can be answered by this.
pub fn is_fitting(verb: &str, code: u16) -> bool {
    let own: &[u16] = match verb {
        "greeting" | "REIN" => &[220],
        "USER" => &[331],
        "PASS" | "ACCT" => &[230, 332, 503, 202],
        "TYPE" | "ALLO" | "NOOP" | "PORT" | "EPRT" => &[200],
        "PASV" => &[227, 425],
        "EPSV" => &[229, 425],
        "REST" => &[350],
        "PWD" | "MKD" => &[257],
        "RNFR" => &[350],
        "RNTO" => &[250, 503],
        "DELE" | "RMD" | "CWD" | "CDUP" | "MLST" => &[250],
        "SIZE" | "MDTM" | "AVBL" => &[213],
        "STAT" => &[211, 212, 213],
        "SITE" | "FEAT" => &[211],
        "HELP" => &[214],
        "QUIT" => &[221],
        "junk" => &[500, 502],
        _ if is_transfer(verb) => &[226, 425],
        _ => &[],
    };
    let is_free = matches!(verb, "greeting" | "REIN" | "USER" | "NOOP" | "QUIT" | "FEAT" | "HELP" | "junk");
    let is_refusal = [501, 530].contains(&code) || STORE_FAILURES.contains(&code);
    own.contains(&code) || !is_free && is_refusal
}

/// Whether it can be answered by this where there is TLS.
pub fn is_fitting_under_tls(verb: &str, code: u16) -> bool {
    let own: &[u16] = match verb {
        "USER" => &[530],
        "AUTH" => &[234],
        "PBSZ" => &[200],
        "PROT" | "CCC" => &[200, 534],
        _ if is_transfer(verb) => &[521, 522],
        _ => &[],
    };
    own.contains(&code)
}
