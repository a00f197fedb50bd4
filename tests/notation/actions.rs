//! What a session does, as text.

use bytes::BytesMut;
use sansftp::{
    accounts::Credentials,
    dtp::Dtp,
    listing::{Facts, ListingFormat},
    session::{Action, DataConnectionMode, Movement, Request, Selection},
    storage::{EntryKind, Metadata, Permissions, Placement, UnixAttributes},
    time_value::TimeValue,
};

use super::{
    Ledger,
    words::{escape, quote},
};

/// The lines of an action: one, but for replies and Telnet negotiation.
pub fn describe(action: &Action, ledger: &mut Ledger) -> Vec<String> {
    let text = match action {
        Action::SendReply(reply) => {
            return reply_lines(reply.as_bytes()).into_iter().map(|line| format!("S: {line}")).collect();
        }
        Action::SendReplyLine(line) => {
            return reply_lines(line).into_iter().map(|line| format!("S: {line}")).collect();
        }
        // Each answer is three bytes; how many come together does not matter.
        Action::SendTelnet(bytes) => {
            let answer = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
            return bytes.chunks(3).map(|bytes| format!("A: Telnet {}", answer(bytes))).collect();
        }
        Action::SecureControl => "SecureControl".into(),
        Action::ClearControl => "ClearControl".into(),
        Action::CloseControl => "CloseControl".into(),
        Action::Ask(id, request) => format!("Ask {}{}", describe_request(request), ledger.note_request(*id)),
        Action::Cancel(id) => format!("Cancel{}", ledger.note_request(*id)),
        Action::OpenDataConnection(id, mode) => {
            let mode = match mode {
                DataConnectionMode::Listen => "Listen".into(),
                DataConnectionMode::Connect(address) => format!("Connect {address}"),
            };
            format!("OpenDataConnection {mode}{}", ledger.note_data(*id))
        }
        Action::RefuseDataConnection(id) => format!("RefuseDataConnection{}", ledger.note_data(*id)),
        Action::SecureDataConnection(id, direction) => {
            let direction = direction.map(|direction| format!(" {direction:?}")).unwrap_or_default();
            format!("SecureDataConnection{direction}{}", ledger.note_data(*id))
        }
        Action::ExpectTransfer(id, direction) => {
            format!("ExpectTransfer {direction:?}{}", ledger.note_data(*id))
        }
        Action::CloseDataConnection(id) => format!("CloseDataConnection{}", ledger.note_data(*id)),
        Action::Transfer(id, movement) => {
            format!("Transfer {}{}", describe_movement(movement), ledger.note_transfer(*id))
        }
        Action::PrepareFinish(id) => format!("PrepareFinish{}", ledger.note_transfer(*id)),
        Action::LookAtControl(id) => format!("LookAtControl{}", ledger.note_transfer(*id)),
        Action::AwaitFinish(id) => format!("AwaitFinish{}", ledger.note_transfer(*id)),
        Action::Abort(id, reason) => format!("Abort {reason:?}{}", ledger.note_transfer(*id)),
        Action::Drop(id) => format!("Drop{}", ledger.note_transfer(*id)),
        Action::Detach(id) => format!("Detach{}", ledger.note_transfer(*id)),
    };
    vec![format!("A: {text}")]
}

/// The lines of a reply without their CR LF; a reply whose last line does not end shows it.
pub fn reply_lines(wire: &[u8]) -> Vec<String> {
    let text = escape(wire);
    match text.strip_suffix("\\r\\n") {
        Some(body) => body.split("\\r\\n").map(String::from).collect(),
        None => vec![format!("{text} (without CR LF)")],
    }
}

fn describe_request(request: &Request) -> String {
    match request {
        Request::LogIn(credentials) => describe_credentials(credentials),
        Request::Stat(path) => format!("Stat {}", escape(path.as_bytes())),
        Request::ListFirst(path, selection, most) => {
            format!("ListFirst {}{} {most}", escape(path.as_bytes()), describe_selection(selection))
        }
        Request::OpenListing(path, selection) => {
            format!("OpenListing {}{}", escape(path.as_bytes()), describe_selection(selection))
        }
        Request::OpenDownload { pathname, offset: 0 } => {
            format!("OpenDownload {}", escape(pathname.as_bytes()))
        }
        Request::OpenDownload { pathname, offset } => {
            format!("OpenDownload {} offset={offset}", escape(pathname.as_bytes()))
        }
        Request::OpenUpload { pathname, placement, announced } => {
            let placement = match placement {
                Placement::Replace => "Replace".into(),
                Placement::Resume { offset } => format!("Resume={offset}"),
                Placement::Append => String::from("Append"),
                Placement::Unique => "Unique".into(),
            };
            let announced = announced.map(|size| format!(" announced={size}")).unwrap_or_default();
            format!("OpenUpload {} {placement}{announced}", escape(pathname.as_bytes()))
        }
        Request::MakeDirectory(path) => format!("MakeDirectory {}", escape(path.as_bytes())),
        Request::RemoveDirectory(path) => format!("RemoveDirectory {}", escape(path.as_bytes())),
        Request::RemoveFile(path) => format!("RemoveFile {}", escape(path.as_bytes())),
        Request::Rename { from, to } => {
            format!("Rename {} to {}", escape(from.as_bytes()), escape(to.as_bytes()))
        }
        Request::SetModified(path, time) => format!("SetModified {} {time}", escape(path.as_bytes())),
        Request::SetMode(path, mode) => format!("SetMode {} {mode:03o}", escape(path.as_bytes())),
        Request::Available(path) => format!("Available {}", escape(path.as_bytes())),
        Request::Site(call) => format!(
            "Site {} {} in {}",
            call.verb,
            quote(&call.argument),
            escape(call.working_directory.as_bytes())
        ),
    }
}

fn describe_credentials(credentials: &Credentials) -> String {
    let mut text = format!("LogIn user={}", escape(credentials.user.as_bytes()));
    if let Some(password) = &credentials.password {
        text += &format!(" password={}", escape(password.expose()));
    }
    if let Some(account) = &credentials.account {
        text += &format!(" account={}", escape(account.expose()));
    }
    if let Some(certificate) = &credentials.certificate {
        text += &format!(" certificate={}", certificate.subject);
    }
    if let Some(host) = &credentials.host {
        text += &format!(" host={}", escape(host.as_bytes()));
    }
    text
}

fn describe_selection(selection: &Selection) -> String {
    match selection {
        Selection::All => String::new(),
        Selection::WithSelfAndParent => " with . and ..".into(),
        Selection::Matching(pattern) => format!(" matching {}", quote(pattern.as_bytes())),
    }
}

fn describe_movement(movement: &Movement) -> String {
    match movement {
        Movement::Receive(dtp) => format!("Receive {}", describe_dtp(dtp)),
        Movement::Send(dtp) => format!("Send {}", describe_dtp(dtp)),
        Movement::List(ListingFormat::Long) => "List Long".into(),
        Movement::List(ListingFormat::LongWithKinds) => "List LongWithKinds".into(),
        Movement::List(ListingFormat::Names { prefix }) => format!("List Names {}", quote(prefix)),
        Movement::List(ListingFormat::Machine(facts)) => format!("List Machine {}", fact_names(facts)),
        Movement::Text(text) => format!("Text {}", quote(text)),
    }
}

const fn describe_dtp(dtp: &Dtp) -> &'static str {
    if dtp.is_identity() { "Image" } else { "Ascii" }
}

/// The names of the facts that are selected, as a line of `MLSD` would have them.
fn fact_names(facts: &Facts) -> String {
    let everything = Metadata {
        kind: EntryKind::File,
        size: 1,
        modified: Some(TimeValue::from_unix(0, 0)),
        permissions: Permissions::all(EntryKind::File),
        unix: Some(UnixAttributes { mode: 0o644, links: 1, owner: 0, group: 0 }),
        unique: Some((1, 1)),
    };
    let mut line = BytesMut::new();
    facts.write(&everything, &mut line);
    let line = escape(&line);
    line.split_inclusive(';').map(|fact| format!("{};", fact.split('=').next().unwrap_or_default())).collect()
}
