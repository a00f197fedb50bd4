//! Service commands (RFC 959 4.1.3, RFC 3659): transfers, and what is done with files and directories.

use bytes::Bytes;

use crate::{
    command::{OldMdtm, parse_allo, parse_mfmt, parse_number},
    config::AnnouncedSize,
    dtp::{Dtp, Representation},
    pathname::Pathname,
    reply::{Reply, ReplyCode},
    session::{
        action::{Movement, Request},
        machines::transfer::{Announced, Naming, Subject, UploadSubject},
        server_pi::{
            ServerPi,
            purpose::{Purpose, TimeReply, TimeToSet, Wanted},
        },
    },
    storage::{EntryKind, Placement},
    time_value::TimeValue,
};

const DELETED: Reply = Reply::from_static("250 Deleted.\r\n");
const REMOVED: Reply = Reply::from_static("250 Directory removed.\r\n");

impl ServerPi {
    pub(crate) fn retr(&mut self, argument: &[u8]) {
        let offset = self.parameters.take_restart().unwrap_or(0);
        let Some(pathname) = self.resolve_file(argument, ReplyCode::FILE_UNAVAILABLE) else { return };
        let movement = Movement::Send(Dtp::new(self.representation()));
        self.begin(Subject::Download, movement, Request::OpenDownload { pathname, offset }, Purpose::Open);
    }

    pub(crate) fn stor(&mut self, argument: &[u8]) {
        let placement = match self.parameters.take_restart() {
            None | Some(0) => Placement::Replace,
            Some(offset) => Placement::Resume { offset },
        };
        self.store(argument, placement, Naming::Given);
    }

    /// Behind a `REST` it does what `STOR` does (RFC 3659 5.3). A `REST 0` is none: clients send it to take an earlier one
    /// back, and a file that was to grow must not be replaced for it.
    pub(crate) fn appe(&mut self, argument: &[u8]) {
        let placement = match self.parameters.take_restart() {
            None | Some(0) => Placement::Append,
            Some(offset) => Placement::Resume { offset },
        };
        self.store(argument, placement, Naming::Given);
    }

    /// The argument, which RFC 959 does not have and clients send, is a wish.
    pub(crate) fn stou(&mut self, argument: &[u8]) {
        let wish = if argument.trim_ascii().is_empty() { b"file" } else { argument };
        self.store(wish, Placement::Unique, Naming::Unique);
    }

    fn store(&mut self, argument: &[u8], placement: Placement, naming: Naming) {
        let announced = self.parameters.take_announced();
        let Some(pathname) = self.resolve_file(argument, ReplyCode::NAME_REFUSED) else { return };
        let expected = self.meaning_of_allo(announced, &placement);
        let upload = UploadSubject::new(pathname.clone(), expected, naming);
        let movement = Movement::Receive(Dtp::new(self.representation()));
        let request = Request::OpenUpload { pathname, placement, announced };
        self.begin(Subject::Upload(upload), movement, request, Purpose::Open);
    }

    /// `ALLO 0` is said by clients that do not know the size.
    ///
    /// In `TYPE A` a line is shorter in the store than on the wire. So what was there before an `APPE` cannot be counted,
    /// and what comes is never shorter than the client's own file, but may be longer.
    fn meaning_of_allo(&self, announced: Option<u64>, placement: &Placement) -> Announced {
        match (announced, self.config.announced_size, self.representation()) {
            (None | Some(0), ..) | (_, AnnouncedSize::Advisory, _) => Announced::Nothing,
            (Some(size), _, Representation::Image) => Announced::Whole(size),
            (_, _, Representation::Ascii) if *placement == Placement::Append => Announced::Nothing,
            (Some(size), _, Representation::Ascii) => Announced::Least(size),
        }
    }

    pub(crate) fn allo(&mut self, argument: &[u8]) {
        if let Some(size) = self.accept(parse_allo(argument)) {
            self.parameters.set_announced(size);
            let text = match self.config.announced_size {
                _ if size == 0 => "No size is announced.",
                AnnouncedSize::Binding => "A shorter upload will be refused.",
                AnnouncedSize::Advisory => "Noted; an upload may be shorter.",
            };
            self.reply(ReplyCode::OK, text);
        }
    }

    pub(crate) fn rest(&mut self, argument: &[u8]) {
        let Some(offset) = self.accept(parse_number(argument)) else { return };
        if offset > 0 && self.representation() == Representation::Ascii {
            let why = "A restart needs TYPE I: in TYPE A no byte has a place.";
            return self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, why);
        }
        self.parameters.set_restart(offset);
        let reply = self.replies.compose(ReplyCode::PENDING).text("The next transfer begins at byte ");
        let reply = reply.value(offset).text(".").finish();
        self.send(reply);
    }

    pub(crate) fn rnfr(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            if pathname.is_root() {
                return self.reply(ReplyCode::FILE_UNAVAILABLE, "The root directory stays where it is.");
            }
            let purpose = Purpose::RenameFrom(pathname.clone(), Wanted::by_name(argument));
            self.ask(Request::Stat(pathname), purpose);
        }
    }

    pub(crate) fn rnto(&mut self, argument: &[u8]) {
        let Some((from, kind)) = self.parameters.take_rename_from() else {
            return self.reply(ReplyCode::BAD_SEQUENCE, "Send RNFR just before RNTO.");
        };
        let to = match kind {
            EntryKind::Directory => self.resolve(argument),
            _ => self.resolve_file(argument, ReplyCode::NAME_REFUSED),
        };
        if let Some(to) = to {
            self.ask(Request::Rename { from, to }, Purpose::Rename);
        }
    }

    pub(crate) fn dele(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve_file(argument, ReplyCode::FILE_UNAVAILABLE) {
            self.ask(Request::RemoveFile(pathname), Purpose::Reply(DELETED));
        }
    }

    pub(crate) fn rmd(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            self.ask(Request::RemoveDirectory(pathname), Purpose::Reply(REMOVED));
        }
    }

    pub(crate) fn mkd(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            let made = self.pathname_reply(&pathname, " created.");
            self.ask(Request::MakeDirectory(pathname), Purpose::Reply(made));
        }
    }

    pub(crate) fn pwd(&mut self, _: &[u8]) {
        let pathname = self.parameters.working_directory().clone();
        let reply = self.pathname_reply(&pathname, " is the working directory.");
        self.send(reply);
    }

    /// A `257`, in the form that clients read the pathname from (RFC 959 appendix II).
    fn pathname_reply(&mut self, pathname: &Pathname, text: &str) -> Reply {
        let reply = self.replies.compose(ReplyCode::PATHNAME);
        reply.text("\"").bytes(&pathname.quoted()).text("\"").text(text).finish()
    }

    pub(crate) fn mlst(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            let purpose = Purpose::Facts(pathname.clone(), Wanted::by_name(argument));
            self.ask(Request::Stat(pathname), purpose);
        }
    }

    pub(crate) fn size(&mut self, argument: &[u8]) {
        if self.representation() == Representation::Ascii {
            return self
                .reply(ReplyCode::FILE_UNAVAILABLE, "SIZE not allowed in ASCII mode; send TYPE I first.");
        }
        if let Some(pathname) = self.resolve_file(argument, ReplyCode::FILE_UNAVAILABLE) {
            self.ask(Request::Stat(pathname), Purpose::Size);
        }
    }

    /// RFC 3659 3.1: the whole argument is a pathname. Only if there is nothing of that name, it may be the older form
    /// that sets a time.
    pub(crate) fn mdtm(&mut self, argument: &[u8]) {
        let set = match OldMdtm::parse(argument) {
            OldMdtm::No => TimeToSet::None,
            OldMdtm::Set(modified, name) => TimeToSet::Of(Bytes::copy_from_slice(name), modified),
            OldMdtm::InSomeZone => TimeToSet::Unclear,
        };
        if let Some(pathname) = self.resolve(argument) {
            let purpose = Purpose::ModificationTime(Wanted::by_name(argument), set);
            self.ask(Request::Stat(pathname), purpose);
        }
    }

    pub(crate) fn mfmt(&mut self, argument: &[u8]) {
        let Some((modified, name)) = self.accept(parse_mfmt(argument)) else { return };
        let fact_of = Bytes::copy_from_slice(name);
        self.set_modified(name, modified, TimeReply::Fact(fact_of));
    }

    pub(crate) fn set_modified(&mut self, name: &[u8], modified: TimeValue, told: TimeReply) {
        if let Some(pathname) = self.resolve(name) {
            let purpose = Purpose::SetModified { pathname: pathname.clone(), modified, told };
            self.ask(Request::SetModified(pathname, modified), purpose);
        }
    }

    pub(crate) fn avbl(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            self.ask(Request::Available(pathname), Purpose::Available);
        }
    }
}
