//! The options of a folder that is served.

use std::{io, path::Path};

use clap::{Args, ValueEnum};
use sansftp::adapters::stores::{Durability, Filesystem, Links, OnAbort};

use crate::store::Stores;

#[derive(Debug, Args)]
pub(crate) struct FolderOptions {
    /// Make stored files survive a power cut (sync) or only the server's end (rename)
    #[arg(long, value_name = "LEVEL", value_enum, default_value = "sync", hide_possible_values = true)]
    durability: DurabilityOption,

    /// Keep what has come of an upload that was cut off, where no file has its name, so that clients can go on there
    #[arg(long)]
    keep_partial: bool,

    /// Symbolic links in listings of a folder: follow them, show them as links, or hide them. Where they are followed, a
    /// client that removes a tree also removes what linked folders hold
    #[arg(long, value_name = "HOW", value_enum, default_value = "follow", hide_possible_values = true)]
    links: LinksOption,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityOption {
    Sync,
    Rename,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LinksOption {
    Follow,
    Show,
    Hide,
}

impl FolderOptions {
    /// The store of a folder, as the options say.
    pub(crate) fn open(&self, folder: &Path) -> io::Result<Stores<Filesystem>> {
        let durability = match self.durability {
            DurabilityOption::Sync => Durability::Sync,
            DurabilityOption::Rename => Durability::Rename,
        };
        let on_abort = if self.keep_partial { OnAbort::KeepPartial } else { OnAbort::Discard };
        let links = match self.links {
            LinksOption::Follow => Links::Follow,
            LinksOption::Show => Links::Show,
            LinksOption::Hide => Links::Hide,
        };
        let store =
            Filesystem::open(folder)?.with_durability(durability).with_on_abort(on_abort).with_links(links);
        Ok(Stores { readable: store.clone().read_only(), writable: store })
    }
}
