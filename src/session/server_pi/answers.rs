//! What the accounts and the store answer, and what the client is told of it.

use bytes::BytesMut;

use crate::{
    pathname::Pathname,
    reply::ReplyCode,
    session::{
        action::{Request, RequestId},
        event::Answer,
        machines::{
            timer::Timer,
            transfer::{Subject, Transfer},
        },
        server_pi::{
            ServerPi,
            purpose::{Listed, Purpose, TimeReply, TimeToSet},
        },
    },
    storage::{EntryKind, Metadata, Right, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

impl ServerPi {
    pub(crate) fn handle_answered(&mut self, id: RequestId, answer: Answer) {
        let Some(pending) = self.pending.take_if(|pending| pending.id == id) else { return };
        self.stop_timer(Timer::Request);
        self.start_idle();
        match (pending.purpose, answer) {
            (Purpose::LogIn, Answer::LoggedIn) => {
                let effect = self.login.handle_accepted();
                self.follow_login_effect(effect);
            }
            (Purpose::LogIn, Answer::Denied(why)) => {
                let effect = self.login.handle_denied(why);
                self.follow_login_effect(effect);
            }
            (purpose, Answer::Failed(error)) => self.handle_failed(purpose, error),
            (Purpose::Reply(reply), Answer::Done) => self.send(reply),
            (Purpose::Rename, Answer::Done) => self.reply(ReplyCode::FILE_ACTION_DONE, "Renamed."),
            (Purpose::Open, Answer::UploadOpened { pathname, offset, finish }) => {
                self.handle_upload_opened(pathname, offset, finish);
            }
            (Purpose::Open | Purpose::OpenListing(..), Answer::Opened) => self.handle_opened(),
            (Purpose::SetModified { pathname, modified, told }, Answer::Done) => {
                self.ask(Request::Stat(pathname), Purpose::ModifiedIsSet(modified, told));
            }
            (purpose, Answer::Metadata { metadata, now }) => self.handle_metadata(purpose, metadata, now),
            (
                Purpose::Status(Listed { format, .. }) | Purpose::StatusOfMatches(format),
                Answer::Entries { entries, extent, now },
            ) => self.reply_status(&format, &entries, extent, now),
            (Purpose::Available, Answer::Available(bytes)) => self.reply_number(bytes),
            (Purpose::Text, Answer::Text(text)) => self.reply(ReplyCode::OK, &text),
            (purpose, _) => self.handle_failed(purpose, no_answer()),
        }
    }

    fn handle_failed(&mut self, purpose: Purpose, error: StorageError) {
        let is_no_such_name = is_no_such_name(&error);
        let code = self.refusal_code(&purpose, error.kind());
        match purpose {
            Purpose::OpenListing(listed) => self.handle_listing_failed(listed, &error, code),
            Purpose::Open | Purpose::ListFile(..) => {
                self.refuse_transfer(code, error.message());
            }
            Purpose::Status(listed) => self.handle_status_failed(listed, &error, code),
            Purpose::ModificationTime(_, TimeToSet::Of(name, modified)) if is_no_such_name => {
                self.set_modified(&name, modified, TimeReply::Digits);
            }
            Purpose::ModificationTime(_, TimeToSet::Unclear) if is_no_such_name => {
                self.reply(
                    ReplyCode::ARGUMENT_ERROR,
                    "Times are in UTC here; send them without a time zone.",
                );
            }
            Purpose::ModifiedIsSet(modified, told) => self.reply_modified(modified, told),
            Purpose::LogIn => self.close_because("Nobody can log in right now; try again later."),
            _ => self.reply(code, error.message()),
        }
    }

    /// `553` is for the name that a file is to get (RFC 959 5.4); to all other commands, what cannot have its name is not
    /// there, or cannot be.
    fn refusal_code(&self, purpose: &Purpose, kind: StorageErrorKind) -> ReplyCode {
        let subject = self.transfer.as_ref().map(Transfer::subject);
        let is_given =
            matches!((purpose, subject), (Purpose::Rename, _) | (Purpose::Open, Some(Subject::Upload(_))));
        match kind {
            StorageErrorKind::NameRefused if !is_given => ReplyCode::FILE_UNAVAILABLE,
            kind => kind.reply_code(),
        }
    }

    fn handle_metadata(&mut self, purpose: Purpose, metadata: Metadata, now: TimeValue) {
        match purpose {
            Purpose::ChangeDirectory(_) if metadata.kind != EntryKind::Directory => self.reply_no_directory(),
            Purpose::ChangeDirectory(_) if !metadata.permissions.has(Right::Enter) => self.reply_denied(),
            Purpose::ChangeDirectory(pathname) => {
                self.parameters.set_working_directory(pathname);
                self.reply(ReplyCode::FILE_ACTION_DONE, "Directory changed.");
            }
            Purpose::RenameFrom(_, wanted)
            | Purpose::ModificationTime(wanted, _)
            | Purpose::Facts(_, wanted)
                if !wanted.is_met_by(metadata.kind) =>
            {
                self.reply_no_directory();
            }
            Purpose::RenameFrom(..) if !metadata.permissions.has(Right::Rename) => self.reply_denied(),
            Purpose::RenameFrom(pathname, _) => {
                self.parameters.set_rename_from(pathname, metadata.kind);
                self.reply(ReplyCode::PENDING, "Send the new name with RNTO.");
            }
            Purpose::Size if metadata.kind == EntryKind::File => self.reply_number(metadata.size),
            Purpose::Size => self.reply(ReplyCode::FILE_UNAVAILABLE, "That is not a regular file."),
            Purpose::ModificationTime(..) => match metadata.modified {
                Some(modified) => self.reply_modified(modified, TimeReply::Digits),
                None => self.reply(ReplyCode::FILE_UNAVAILABLE, "Its modification time is not known."),
            },
            // The store may keep less than it was told: a file system has its first and its last time.
            Purpose::ModifiedIsSet(modified, told) => {
                self.reply_modified(metadata.modified.unwrap_or(modified), told);
            }
            Purpose::Facts(pathname, _) => self.reply_facts(&pathname, &metadata),
            Purpose::ListFile(pathname, format) => self.list_file(&pathname, &format, metadata, now),
            Purpose::StatusOfFile(pathname, format) => {
                self.reply_status_of_file(&pathname, &format, metadata, now);
            }
            purpose => self.handle_failed(purpose, no_answer()),
        }
    }

    fn reply_no_directory(&mut self) {
        self.reply(ReplyCode::FILE_UNAVAILABLE, "That is not a directory.");
    }

    fn reply_denied(&mut self) {
        self.reply(ReplyCode::FILE_UNAVAILABLE, "Permission denied.");
    }

    fn reply_number(&mut self, number: u64) {
        let reply = self.replies.compose(ReplyCode::FILE_STATUS).value(number).finish();
        self.send(reply);
    }

    fn reply_modified(&mut self, modified: TimeValue, told: TimeReply) {
        let modified = modified.to_precision(self.config.time_precision);
        let reply = self.replies.compose(ReplyCode::FILE_STATUS);
        let reply = match told {
            TimeReply::Digits => reply.value(modified).finish(),
            TimeReply::Fact(name) => reply.text("Modify=").value(modified).text("; ").bytes(&name).finish(),
        };
        self.send(reply);
    }

    fn reply_facts(&mut self, pathname: &Pathname, metadata: &Metadata) {
        let mut facts = BytesMut::new();
        self.parameters.facts().write(metadata, &mut facts);
        let reply =
            self.replies.compose(ReplyCode::FILE_ACTION_DONE).text("Facts:").inner_line().bytes(&facts);
        let reply = reply.text(" ").bytes(pathname.as_bytes()).last_line().text("End").finish();
        self.send(reply);
    }

    /// The store or the accounts took too long.
    pub(crate) fn handle_request_overdue(&mut self) {
        let Some(pending) = self.cancel_request() else { return };
        self.start_idle();
        let error = StorageError::new(StorageErrorKind::Failed, "The store did not answer in time.");
        match pending.purpose {
            Purpose::OpenListing(..) | Purpose::ListFile(..) | Purpose::Open => {
                self.refuse_transfer(error.kind().reply_code(), error.message());
            }
            Purpose::ModifiedIsSet(modified, told) => self.reply_modified(modified, told),
            Purpose::LogIn => self.close_because("The accounts did not answer in time; try again later."),
            _ => self.reply(error.kind().reply_code(), error.message()),
        }
    }
}

/// Whether the store says that nothing has this name, or that nothing can have it.
pub(crate) fn is_no_such_name(error: &StorageError) -> bool {
    matches!(error.kind(), StorageErrorKind::NotFound | StorageErrorKind::NameRefused)
}

/// For an answer that does not fit its request, which only a wrong driver gives.
fn no_answer() -> StorageError {
    StorageError::new(StorageErrorKind::Failed, "The server's answer made no sense.")
}
