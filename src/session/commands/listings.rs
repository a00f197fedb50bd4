//! `LIST`, `NLST`, `MLSD` and `STAT` of a pathname, from the command to what the store says of it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    command::{has_list_flag, skip_list_flags},
    listing::ListingFormat,
    pathname::Pathname,
    pattern::Pattern,
    reply::{ReplyCode, ReplyComposer},
    session::{
        action::{Movement, Request, Selection},
        event::Extent,
        machines::transfer::Subject,
        server_pi::{
            ServerPi,
            answers::is_no_such_name,
            purpose::{Listed, Purpose, Wanted},
        },
    },
    storage::{Entry, Metadata, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

impl ServerPi {
    pub(crate) fn list(&mut self, argument: &[u8]) {
        let (format, selection) = asked_by_flags(argument);
        let argument = skip_list_flags(argument);
        let pattern = self.pattern_in(argument);
        self.list_as(format, selection, argument, pattern);
    }

    /// RFC 1123 4.1.2.7: the names can be used as arguments, so they begin as the argument does.
    pub(crate) fn nlst(&mut self, argument: &[u8]) {
        let argument = skip_list_flags(argument);
        let pattern = self.pattern_in(argument);
        let mut prefix = BytesMut::from(argument);
        if !matches!(argument, [] | [.., b'/']) {
            prefix.put_u8(b'/');
        }
        let format = ListingFormat::Names { prefix: prefix.freeze() };
        self.list_as(format, Selection::All, argument, pattern);
    }

    /// RFC 3659 2.2.2: here, and wherever else that RFC has a pathname, a pattern is a name like others.
    pub(crate) fn mlsd(&mut self, argument: &[u8]) {
        self.list_as(ListingFormat::Machine(self.parameters.facts()), Selection::All, argument, None);
    }

    fn list_as(
        &mut self,
        format: ListingFormat,
        selection: Selection,
        argument: &[u8],
        pattern: Option<Pattern>,
    ) {
        let Some(pathname) = self.resolve(argument) else { return };
        let request = Request::OpenListing(pathname.clone(), selection);
        let wanted = Wanted::by_name(argument);
        let purpose = Purpose::OpenListing(Listed { pathname, wanted, pattern, format: format.clone() });
        self.begin(Subject::Listing, Movement::List(format), request, purpose);
    }

    /// `STAT pathname`.
    pub(crate) fn reply_entries(&mut self, argument: &[u8]) {
        let (format, selection) = asked_by_flags(argument);
        let argument = skip_list_flags(argument);
        let pattern = self.pattern_in(argument);
        if let Some(pathname) = self.resolve(argument) {
            let limit = self.config.status_entries_limit;
            let request = Request::ListFirst(pathname.clone(), selection, limit);
            let wanted = Wanted::by_name(argument);
            self.ask(request, Purpose::Status(Listed { pathname, wanted, pattern, format }));
        }
    }

    /// The pattern that the last segment of a pathname is. What is above it is never one.
    fn pattern_in(&self, argument: &[u8]) -> Option<Pattern> {
        let segment = argument.rsplit(|&byte| byte == b'/').next()?;
        Pattern::parse(segment, self.config.pattern_limit)
    }

    pub(crate) fn handle_listing_failed(&mut self, listed: Listed, error: &StorageError, code: ReplyCode) {
        let Listed { pathname, wanted, pattern, format } = listed;
        match (&format, pattern, pathname.parent()) {
            (ListingFormat::Machine(_), ..) if is_file(&pathname, error) => self
                .refuse_transfer(ReplyCode::ARGUMENT_ERROR, "That is not a directory; MLST tells of a file."),
            _ if wanted == Wanted::Anything && is_file(&pathname, error) => {
                self.ask(Request::Stat(pathname.clone()), Purpose::ListFile(pathname, format));
            }
            (_, Some(pattern), Some(parent)) if is_no_such_name(error) => {
                self.replace_movement(Movement::List(format.beside_argument()));
                self.ask(Request::OpenListing(parent, Selection::Matching(pattern)), Purpose::Open);
            }
            _ => self.refuse_transfer(code, error.message()),
        }
    }

    /// `LIST` or `NLST` of a file: the one line is sent.
    pub(crate) fn list_file(
        &mut self,
        pathname: &Pathname,
        format: &ListingFormat,
        metadata: Metadata,
        now: TimeValue,
    ) {
        let mut line = BytesMut::new();
        format.beside_argument().line(now, &entry_of(pathname, metadata), &mut line);
        self.replace_movement(Movement::Text(line.freeze()));
        self.handle_opened();
    }

    pub(crate) fn handle_status_failed(&mut self, listed: Listed, error: &StorageError, code: ReplyCode) {
        let Listed { pathname, wanted, pattern, format } = listed;
        match (pattern, pathname.parent()) {
            _ if wanted == Wanted::Anything && is_file(&pathname, error) => {
                self.ask(Request::Stat(pathname.clone()), Purpose::StatusOfFile(pathname, format));
            }
            (Some(pattern), Some(parent)) if is_no_such_name(error) => {
                let limit = self.config.status_entries_limit;
                let request = Request::ListFirst(parent, Selection::Matching(pattern), limit);
                self.ask(request, Purpose::StatusOfMatches(format));
            }
            _ => self.reply(code, error.message()),
        }
    }

    pub(crate) fn reply_status_of_file(
        &mut self,
        pathname: &Pathname,
        format: &ListingFormat,
        metadata: Metadata,
        now: TimeValue,
    ) {
        let reply = self.replies.compose(ReplyCode::FILE_STATUS).text("Status:");
        let reply = put_entries(reply, format, &[entry_of(pathname, metadata)], now);
        let reply = reply.last_line().text("End").finish();
        self.send(reply);
    }

    /// The lines of `LIST`, over the control connection.
    pub(crate) fn reply_status(
        &mut self,
        format: &ListingFormat,
        entries: &[Entry],
        extent: Extent,
        now: TimeValue,
    ) {
        let reply = self.replies.compose(ReplyCode::DIRECTORY_STATUS).text("Status:");
        let end = match extent {
            Extent::Whole => "End",
            Extent::Truncated => "There are more; LIST shows all.",
        };
        let reply = put_entries(reply, format, entries, now).last_line().text(end).finish();
        self.send(reply);
    }
}

fn put_entries<'a>(
    mut reply: ReplyComposer<'a>,
    format: &ListingFormat,
    entries: &[Entry],
    now: TimeValue,
) -> ReplyComposer<'a> {
    let mut line = BytesMut::new();
    for entry in entries {
        line.clear();
        format.line(now, entry, &mut line);
        if let Some(text) = line.strip_suffix(b"\r\n") {
            reply = reply.inner_line().bytes(text);
        }
    }
    reply
}

/// What the flags of `LIST` and `STAT` say: `-F` marks names by what they are, and `-a` shows `.` and `..`. Hidden names are
/// shown without it, too; all other flags say nothing here.
fn asked_by_flags(argument: &[u8]) -> (ListingFormat, Selection) {
    let format =
        if has_list_flag(argument, b'F') { ListingFormat::LongWithKinds } else { ListingFormat::Long };
    let selection = if has_list_flag(argument, b'a') { Selection::WithSelfAndParent } else { Selection::All };
    (format, selection)
}

/// Whether the store says that this is no directory, and a line of a listing can tell its name, which the root has not.
fn is_file(pathname: &Pathname, error: &StorageError) -> bool {
    error.kind() == StorageErrorKind::NotADirectory && pathname.name().is_some()
}

fn entry_of(pathname: &Pathname, metadata: Metadata) -> Entry {
    let name = Bytes::copy_from_slice(pathname.name().unwrap_or_default());
    Entry::new(name, metadata)
}
