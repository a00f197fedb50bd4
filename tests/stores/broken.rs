//! Stores that break the contract, each in one way: the checks find them.

use std::collections::BTreeSet;

use sansftp::{
    adapters::stores::Memory,
    testing::{ContractBroken, Operation, store_contract, store_contract_without},
};

use crate::broken_store::{Broken, Fault, Fault::*};

/// Each fault with the check that is there for it.
const FAULTS: &[(Fault, &str)] = &[
    (LastByteIsLost, "content_comes_back_whole"),
    (ReadsAreTooLong, "content_comes_back_whole"),
    (FileOfNothingIsLost, "a_file_of_nothing_can_be_stored"),
    (WritesAreVisible, "an_upload_is_invisible_until_it_is_finished"),
    (WritesAreVisible, "readers_never_see_a_part"),
    (PrepareStores, "what_is_prepared_is_invisible_until_it_is_finished"),
    (PreparedIsLost, "what_is_prepared_is_invisible_until_it_is_finished"),
    (AbortStores, "an_upload_that_is_given_up_leaves_what_was_there"),
    (AbortStores, "a_write_that_is_dropped_can_be_aborted"),
    (DropStores, "an_upload_that_is_given_up_leaves_what_was_there"),
    (StoppedFinishStores, "a_finish_that_is_dropped_leaves_old_or_new"),
    (ChangedFileStays, "the_last_finish_wins"),
    (ChangedFileStays, "a_file_is_removed_under_an_upload"),
    (ChangedFileStays, "a_file_is_renamed_under_an_upload"),
    (DirectoryIsNotFollowed, "a_directory_is_renamed_under_an_upload"),
    (UploadsAreMixedUp, "files_are_stored_at_the_same_time"),
    (FinishErrorIsSwallowed, "a_directory_takes_the_name_of_an_upload"),
    (ResumeAt0Appends, "resuming_at_0_replaces"),
    (AppendReplaces, "appending_keeps_the_start"),
    (AppendIsNotOffered, "appending_keeps_the_start"),
    (AppendLosesOthers, "of_what_is_appended_at_the_same_time_nothing_is_lost"),
    (ResumeReplaces, "resuming_keeps_the_start"),
    (UniqueTakesTheHint, "unique_names_were_free"),
    (UniqueReplaces, "a_unique_upload_replaces_nothing"),
    (NotFoundIsFailed, "what_is_not_there_is_not_found"),
    (OffsetIsIgnored, "retrieving_starts_at_an_offset"),
    (DownloadFollowsChanges, "a_download_keeps_what_it_opened_or_fails"),
    (RootIsNotFound, "the_root_is_a_directory_and_stays"),
    (FileIsListed, "a_file_is_no_directory"),
    (DirectoryIsMadeTwice, "directories_are_made"),
    (FullDirectoryIsRemoved, "directories_are_removed"),
    (BusyDirectoryIsRemoved, "a_directory_is_removed_under_an_upload"),
    (DirectoryIsRemovedAsAFile, "a_directory_is_no_file"),
    (RemoveDoesNothing, "files_are_removed"),
    (RenameCopies, "files_are_renamed"),
    (RenameOfDirectoryDoesNothing, "directories_are_renamed"),
    (NamesAreTrimmed, "names_come_back_or_are_refused"),
    (NamesAreCutOff, "long_names_come_back_or_are_refused"),
    (LaterPagesAreLost, "a_listing_has_each_entry_once"),
    (EntryComesTwice, "a_listing_has_each_entry_once"),
    (ListedSizeIsWrong, "a_listing_tells_what_stat_tells"),
    (TimesAreIgnored, "modification_times_can_be_set"),
    (PermissionsAreIgnored, "permissions_can_be_set"),
    (AnnouncedSizeIsIgnored, "room_is_known"),
    (AnnouncedSizeIsALimit, "more_than_announced_can_be_stored"),
    (DownloadHasNoEnd, "content_comes_back_whole"),
    (FinishHasAGap, "a_finish_that_is_dropped_leaves_old_or_new"),
    (FinishHasAGap, "readers_never_see_a_part"),
    (MissingDirectoryIsMade, "what_is_not_there_is_not_found"),
    (ListedPermissionsAreWrong, "a_listing_tells_what_stat_tells"),
    (NamesOfDirectoriesAreTrimmed, "names_come_back_or_are_refused"),
    (RenamedNamesAreTrimmed, "names_come_back_or_are_refused"),
    (DirectoryGoesWithItsLastFile, "files_are_removed"),
    (DirectoryGoesWithItsLastFile, "files_are_renamed"),
];

/// What the contract leaves open, and what has to be declared for it.
const LIBERTIES: &[(Fault, &[Operation])] = &[
    (WhatIsInUseIsBusy, &[]),
    (RoomHasNoEnd, &[]),
    (ResumedFileIsNotFound, &[]),
    (SameNameIsRefused, &[]),
    (ResumeIsNotOffered, &[Operation::Resume]),
    (DirectoriesAreNotOffered, &[Operation::MakeDirectory]),
];

fn rules(broken: &ContractBroken) -> BTreeSet<&'static str> {
    broken.breaches().iter().map(|breach| breach.rule()).collect()
}

async fn judge(fault: Fault) -> ContractBroken {
    store_contract(async || Broken::new(fault)).await.unwrap_err()
}

#[tokio::test]
async fn each_is_found() {
    let mut missed = Vec::new();
    for (fault, rule) in FAULTS {
        let new_store = async || Broken::new(*fault);
        match store_contract(new_store).await {
            Err(broken) if rules(&broken).contains(rule) => {}
            result => missed.push(format!("{fault:?} is not found by {rule}: {result:?}")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[tokio::test]
async fn each_check_finds_one() {
    let mut rules = rules(&judge(NothingWorks).await);
    assert!(rules.len() > 30, "{rules:?}");
    // The next test is for this one.
    assert!(rules.remove("what_is_refused_changes_nothing"));
    let found: BTreeSet<_> = FAULTS.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(rules, found);
}

#[tokio::test]
async fn what_the_contract_leaves_open_is_not_found() {
    for (liberty, refused) in LIBERTIES {
        if let Err(broken) = store_contract_without(refused, async || Broken::new(*liberty)).await {
            panic!("{liberty:?}: {broken}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_has_to_be_declared_and_what_is_declared_has_to_be_refused() {
    let append = [Operation::Append];
    let new_store = async || Broken::new(AppendIsNotOffered);
    store_contract_without(&append, new_store).await.unwrap();
    let broken = store_contract_without(&append, async || Memory::new()).await.unwrap_err();
    assert_eq!(rules(&broken), ["what_is_refused_changes_nothing"].into());
}

#[tokio::test]
async fn what_is_found_is_said_in_sentences() {
    assert_eq!(
        judge(AppendReplaces).await.to_string(),
        "the store does not keep the contract of Storage:\n  \
         * appending_keeps_the_start: an upload to /file (Append) says that it begins at byte 0 of /file, and should at 10\n  \
         * of_what_is_appended_at_the_same_time_nothing_is_lost: after two that appended to nothing at the same time, \
         /file should hold \"(second)(first)\", and there is \"(first)\""
    );
}
