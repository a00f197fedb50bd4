//! A test kit for those who implement [`Storage`]: its contract, as checks that any store can be put to.
//!
//! [`store_contract`] takes a source of empty stores, and says in the words of the contract what a store got wrong.
//! A store need not offer everything; [`store_contract_without`] is told what it refuses, and then makes sure that it
//! does refuse that, and that nothing changes by it. What is neither offered nor declared is a breach: a store cannot
//! lose an operation unnoticed.
//!
//! ```
//! use sansftp::testing::{Operation, store_contract, store_contract_without};
//! # async fn checks<S: sansftp::Storage>(new_store: impl AsyncFn() -> S) {
//! // In a test of your own, on the runtime of your store; it may be `async || MyStore::new()`:
//! store_contract(&new_store).await.unwrap();
//! // A store that knows neither directories, so that none can be removed or renamed, nor access rights:
//! store_contract_without(&[Operation::MakeDirectory, Operation::SetMode], new_store).await.unwrap();
//! # }
//! ```
//!
//! # What is checked
//!
//! * **Uploads.** Nothing of an upload is to be seen before its finish, and all of it afterwards. One that is aborted or
//!   dropped, at any point, prepared or not, leaves what was there before. A finish that is dropped leaves the old file or the new one,
//!   and the old one if the store says that a finish can stop. Of several uploads to one name the one that is finished
//!   last is there, whole. Readers beside them never see a part.
//! * **`APPE`, `REST`, `STOU`.** The beginning of the file stays; a finish that succeeds loses nothing that another one
//!   has stored meanwhile; a unique name was free.
//! * **Downloads.** They begin at their offset, never yield more than was asked for, and come to the end of what they
//!   opened, or to an error.
//! * **Changes.** A client that was told that something is done finds it done, also where a file is removed or renamed while it
//!   is stored or retrieved, or where its directory is.
//! * **Names** come back as they were given, or are refused.
//! * **Facts.** A listing has each entry once, and tells of it what [`stat`](Storage::stat) does.
//! * **Errors** are of the kinds that [`StorageErrorKind`](crate::storage::StorageErrorKind) describes, where it leaves
//!   no choice.
//!
//! Each check works on a store of its own, with at most 130 files or 1 MiB. The kit needs no runtime, sets no
//! deadlines and does not panic. It asks a store to do several things at a time, all from one task: one that waits for
//! an upload to end before it opens another one of the same name would wait for ever, so give your test a time limit.
//! A store that takes no files cannot be checked.

mod attributes;
mod breach;
mod changes;
mod directories;
mod downloads;
mod ground;
mod innermost;
mod layers;
mod listings;
mod names;
mod operation;
mod placements;
mod refusals;
mod together;
mod uploads;

use alloc::{boxed::Box, vec::Vec};

use self::ground::Ground;
pub use self::{
    breach::{Breach, ContractBroken},
    innermost::Innermost,
    layers::{layer_contract, layer_contract_without},
    operation::Operation,
};
use crate::storage::Storage;

/// Every check, in the order in which they are made, with the operations that it needs.
macro_rules! for_each_check {
    ($check:ident) => {
        $check! {
            uploads {
                content_comes_back_whole []
                a_file_of_nothing_can_be_stored []
                an_upload_is_invisible_until_it_is_finished []
                an_upload_that_is_given_up_leaves_what_was_there []
                what_is_prepared_is_invisible_until_it_is_finished []
                a_write_that_is_dropped_can_be_aborted []
                a_finish_that_is_dropped_leaves_old_or_new []
                the_last_finish_wins []
                files_are_stored_at_the_same_time []
                readers_never_see_a_part []
            }
            placements {
                resuming_at_0_replaces [Resume]
                appending_keeps_the_start [Append]
                of_what_is_appended_at_the_same_time_nothing_is_lost [Append]
                resuming_keeps_the_start [Resume]
                unique_names_were_free [Unique]
                a_unique_upload_replaces_nothing [Unique]
            }
            downloads {
                what_is_not_there_is_not_found []
                retrieving_starts_at_an_offset []
                a_download_keeps_what_it_opened_or_fails []
            }
            directories {
                the_root_is_a_directory_and_stays []
                a_file_is_no_directory []
                directories_are_made [MakeDirectory]
                directories_are_removed [MakeDirectory RemoveDirectory]
                a_directory_is_no_file [MakeDirectory]
                a_directory_takes_the_name_of_an_upload [MakeDirectory]
                a_directory_is_removed_under_an_upload [MakeDirectory RemoveDirectory]
            }
            changes {
                files_are_removed [RemoveFile]
                a_file_is_removed_under_an_upload [RemoveFile]
                files_are_renamed [RenameFile]
                a_file_is_renamed_under_an_upload [RenameFile]
                directories_are_renamed [MakeDirectory RenameDirectory]
                a_directory_is_renamed_under_an_upload [MakeDirectory RenameDirectory]
            }
            names {
                names_come_back_or_are_refused []
                long_names_come_back_or_are_refused []
            }
            listings {
                a_listing_has_each_entry_once []
                a_listing_tells_what_stat_tells []
            }
            attributes {
                modification_times_can_be_set [SetModified]
                permissions_can_be_set [SetMode]
                room_is_known [Available]
                more_than_announced_can_be_stored []
            }
            refusals {
                what_is_refused_changes_nothing []
            }
        }
    };
}

/// Checks a store that offers everything.
///
/// `new_store` yields an empty store at each call: whatever an earlier one was given must not be in it.
///
/// # Errors
///
/// What the store got wrong, a [`Breach`] for each check that failed.
pub async fn store_contract<S: Storage>(new_store: impl AsyncFn() -> S) -> Result<(), ContractBroken> {
    store_contract_without(&[], new_store).await
}

/// Checks a store that offers everything but the operations in `refused`.
///
/// # Errors
///
/// As those of [`store_contract`]; so is an operation that should be refused and is not.
pub async fn store_contract_without<S: Storage>(
    refused: &[Operation],
    new_store: impl AsyncFn() -> S,
) -> Result<(), ContractBroken> {
    let mut breaches = Vec::new();
    macro_rules! check {
        ($($module:ident { $($rule:ident [$($needed:ident)*])* })*) => { $($(
            if ![$(Operation::$needed),*].iter().any(|needed: &Operation| refused.contains(needed)) {
                let ground = Ground::new(new_store().await, refused);
                // Boxed, or the future of this function would hold the states of all checks.
                if let Err(finding) = Box::pin($module::$rule(&ground)).await {
                    breaches.push(Breach::new(stringify!($rule), finding));
                }
            }
        )*)* };
    }
    for_each_check! { check }
    ContractBroken::unless_empty(breaches)
}
