//! The options of a Tahoe-LAFS grid.

use std::{error::Error, fs, path::PathBuf};

use clap::Args;
use sansftp::{
    Pathname, Storage,
    adapters::{
        Runtime,
        stores::tahoe::{Gateway, Tahoe},
    },
};

#[cfg(feature = "accounts-file")]
use sansftp::adapters::accounts::AccountsFile;

#[cfg(feature = "accounts-file")]
use crate::accounts::AccountsOptions;
use crate::store::Stores;

#[derive(Debug, Args)]
pub(crate) struct TahoeOptions {
    /// The grid's gateway, for --store tahoe
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3456")]
    wapi: String,

    /// A file with the capability of the directory to serve, for --store tahoe
    #[arg(long, value_name = "FILE")]
    root_cap_file: Option<PathBuf>,

    /// Tell each new file's read capability in its 226. Whoever sees that can read the file
    #[arg(long)]
    name_read_caps: bool,
}

impl TahoeOptions {
    /// The directory of the grid that --root-cap-file names. The gateway has to answer.
    pub(crate) async fn open<R: Runtime>(&self, runtime: R) -> Result<Stores<Tahoe<R>>, Box<dyn Error>> {
        let file = self.root_cap_file.as_ref().ok_or("--store tahoe needs --root-cap-file or --accounts")?;
        let root = fs::read_to_string(file)
            .map_err(|error| format!("cannot read the capability in {}: {error}", file.display()))?;
        let store = self.store(&self.gateway(runtime)?, &root)?;
        store.list(&Pathname::root()).await.map_err(|error| format!("cannot serve the grid: {error}"))?;
        Ok(Stores { readable: store.clone().read_only(), writable: store })
    }

    /// The users of a file, each with a root of the grid.
    #[cfg(feature = "accounts-file")]
    pub(crate) fn accounts<R: Runtime>(
        &self,
        runtime: R,
        options: &AccountsOptions,
        is_read_only: bool,
    ) -> Result<AccountsFile<Tahoe<R>>, Box<dyn Error>> {
        let gateway = self.gateway(runtime)?;
        let file = options.accounts.as_ref().ok_or("there is no accounts file")?;
        Ok(AccountsFile::open(file, |root| {
            let store = self.store(&gateway, root)?;
            Ok::<_, Box<dyn Error>>(if is_read_only { store.read_only() } else { store })
        })?)
    }

    fn gateway<R: Runtime>(&self, runtime: R) -> Result<Gateway<R>, Box<dyn Error>> {
        Ok(Gateway::new(runtime, &self.wapi)?)
    }

    /// The store with this root.
    fn store<R: Runtime>(&self, gateway: &Gateway<R>, root: &str) -> Result<Tahoe<R>, Box<dyn Error>> {
        let store = Tahoe::new(gateway.clone(), root)?;
        Ok(if self.name_read_caps { store.with_read_caps_named() } else { store })
    }
}
