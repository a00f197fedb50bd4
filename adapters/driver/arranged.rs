//! What a store lists, as a client gets it: the entries that it wants, and sorted unless they are too many.

use std::{mem, vec::Vec};

use super::turn::{TURN, Turn};
use crate::{
    pattern::Pattern,
    session::Extent,
    storage::{Entry, Listing, StorageError, StorageErrorKind},
};

/// So much work is done before it is counted: a turn has room for several.
const WORK_COUNTED: usize = TURN / 16;

/// A listing of the entries that are wanted. They are sorted by the bytes of their names if they are not more than the
/// limit; else they come in the order of the store, and no more than that limit and a page are in memory.
#[derive(Debug)]
pub(super) struct Arranged<L> {
    listing: L,
    /// `.` and `..`.
    self_and_parent: Vec<Entry>,
    pattern: Option<Pattern>,
    order: Order,
    turn: Turn,
}

#[derive(Debug)]
enum Order {
    /// These are the first entries. If no more than the limit come, all will be sorted.
    Open { first: Vec<Entry>, limit: usize },
    /// As they come.
    OfTheStore,
}

impl<L: Listing> Arranged<L> {
    /// `self_and_parent` come before all others. If not all may match, this looks for the first that does.
    pub(super) async fn open(
        listing: L,
        self_and_parent: Vec<Entry>,
        pattern: Option<Pattern>,
        limit: usize,
    ) -> Result<Self, StorageError> {
        let order = Order::Open { first: Vec::new(), limit };
        let mut arranged = Self { listing, self_and_parent, pattern, order, turn: Turn::default() };
        if arranged.pattern.is_some() {
            let found = arranged.next_wanted().await?;
            if found.is_empty() {
                return Err(StorageErrorKind::NotFound.into());
            }
            arranged.order = Order::Open { first: found, limit };
        }
        Ok(arranged)
    }

    /// At most so many entries, and whether these are all.
    pub(super) async fn first(mut self, most: usize) -> Result<(Vec<Entry>, Extent), StorageError> {
        let mut entries = Vec::new();
        loop {
            let page = self.next_page().await?;
            if page.is_empty() {
                return Ok((entries, Extent::Whole));
            }
            entries.extend(page);
            if entries.len() > most {
                entries.truncate(most);
                return Ok((entries, Extent::Truncated));
            }
        }
    }

    /// The next entries that are wanted, however many pages have none; empty at the end.
    async fn next_wanted(&mut self) -> Result<Vec<Entry>, StorageError> {
        loop {
            let mut page = self.listing.next_page().await?;
            if page.is_empty() {
                return Ok(page);
            }
            page.retain(|entry| !matches!(&entry.name[..], b"." | b".."));
            if let Some(pattern) = &self.pattern {
                page = matching(page, pattern, &mut self.turn).await;
            }
            self.turn.spend(0).await;
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }
}

impl<L: Listing> Listing for Arranged<L> {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        if !self.self_and_parent.is_empty() {
            return Ok(mem::take(&mut self.self_and_parent));
        }
        loop {
            let found = self.next_wanted().await?;
            let Order::Open { first, limit } = &mut self.order else { return Ok(found) };
            let is_whole = found.is_empty();
            first.extend(found);
            if !is_whole && first.len() <= *limit {
                continue;
            }
            let mut entries = mem::take(first);
            self.order = Order::OfTheStore;
            if is_whole {
                entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            }
            return Ok(entries);
        }
    }
}

/// The entries of a page whose names match. A name can take a client's pattern many steps.
async fn matching(page: Vec<Entry>, pattern: &Pattern, turn: &mut Turn) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut work = 0;
    for entry in page {
        work += (entry.name.len() + 1) * pattern.as_bytes().len();
        if work >= WORK_COUNTED {
            turn.spend(mem::take(&mut work)).await;
        }
        if pattern.matches(&entry.name) {
            found.push(entry);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        string::String,
        task::{Context, Poll, Waker},
        vec,
    };

    use bytes::Bytes;

    use super::*;
    use crate::storage::Metadata;

    /// Pages of names. It never waits.
    #[derive(Debug)]
    struct Pages(Vec<&'static [&'static str]>);

    impl Listing for Pages {
        async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
            if self.0.is_empty() {
                return Ok(vec![]);
            }
            let entry =
                |name: &&'static str| Entry::new(Bytes::from_static(name.as_bytes()), Metadata::file(0));
            Ok(self.0.remove(0).iter().map(entry).collect())
        }
    }

    /// How often a future gives way before it is done.
    fn turns<T>(future: impl Future<Output = T>) -> (T, usize) {
        let mut future = pin!(future);
        let mut turns = 0;
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return (done, turns);
            }
            turns += 1;
        }
    }

    fn matching(text: &str) -> Option<Pattern> {
        Some(Pattern::parse(text.as_bytes(), 255).unwrap())
    }

    /// The pages that come of it, each as its names.
    fn pages(
        pages: &[&'static [&'static str]],
        pattern: Option<Pattern>,
        limit: usize,
    ) -> Result<Vec<String>, StorageErrorKind> {
        let names = |page: Vec<Entry>| {
            let names: Vec<_> = page.iter().map(|entry| str::from_utf8(&entry.name).unwrap()).collect();
            names.join(" ")
        };
        let arranging = async {
            let mut listing = Arranged::open(Pages(pages.to_vec()), vec![], pattern, limit).await?;
            let mut all = vec![];
            loop {
                let page = listing.next_page().await?;
                if page.is_empty() {
                    assert!(listing.next_page().await?.is_empty(), "the end stays the end");
                    return Ok(all);
                }
                all.push(names(page));
            }
        };
        turns(arranging).0.map_err(|error: StorageError| error.kind())
    }

    const PAGES: [&[&str]; 3] = [&["c", ".x", "b.csv"], &["a.csv"], &["B", "d.csv"]];

    #[test]
    fn what_is_not_too_much_is_sorted_by_bytes() {
        assert_eq!(pages(&PAGES, None, 6).unwrap(), [".x B a.csv b.csv c d.csv"]);
        assert_eq!(pages(&PAGES, matching("*.csv"), 3).unwrap(), ["a.csv b.csv d.csv"]);
        assert_eq!(pages(&[], None, 6).unwrap(), [""; 0]);
    }

    /// No more than the limit and a page are held.
    #[test]
    fn what_is_too_much_comes_as_it_is() {
        assert_eq!(pages(&PAGES, None, 5).unwrap(), ["c .x b.csv a.csv B d.csv"]);
        assert_eq!(pages(&PAGES, None, 3).unwrap(), ["c .x b.csv a.csv", "B d.csv"]);
        assert_eq!(pages(&PAGES, matching("*.csv"), 2).unwrap(), ["b.csv a.csv d.csv"]);
        assert_eq!(pages(&PAGES, None, 0).unwrap(), ["c .x b.csv", "a.csv", "B d.csv"]);
        assert_eq!(pages(&PAGES, matching("*.csv"), 0).unwrap(), ["b.csv a.csv", "d.csv"]);
    }

    #[test]
    fn a_pattern_that_nothing_matches_is_not_found() {
        assert_eq!(pages(&PAGES, matching("*.txt"), 6), Err(StorageErrorKind::NotFound));
        assert_eq!(pages(&[], matching("*"), 6), Err(StorageErrorKind::NotFound));
    }

    #[test]
    fn the_first_entries_are_those_of_the_sorted_ones() {
        let first = |most, limit| {
            let first = async {
                let listing = Arranged::open(Pages(PAGES.to_vec()), vec![], None, limit).await?;
                listing.first(most).await
            };
            let (entries, extent) = turns(first).0.unwrap();
            (entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>(), extent)
        };
        assert_eq!(first(2, 6), (vec![".x".into(), "B".into()], Extent::Truncated));
        assert_eq!(first(2, 5), (vec!["c".into(), ".x".into()], Extent::Truncated));
        let (all, extent) = first(6, 6);
        assert_eq!((all.len(), extent), (6, Extent::Whole));
    }

    #[test]
    fn self_and_parent_come_first() {
        const PAGES: &[&str] = &["b", ".", "..", "a", "-"];
        let listed = |limit| {
            let self_and_parent = [".", ".."]
                .map(|name| Entry::new(Bytes::from_static(name.as_bytes()), Metadata::directory()));
            let listed = async {
                let listing =
                    Arranged::open(Pages(vec![PAGES]), self_and_parent.to_vec(), None, limit).await?;
                listing.first(10).await
            };
            let (entries, _) = turns(listed).0.unwrap();
            entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(listed(10), [".", "..", "-", "a", "b"], "once, though the store lists them, too");
        assert_eq!(listed(0), [".", "..", "b", "a", "-"]);
    }

    /// A store that never waits leaves others their turn all the same.
    #[test]
    fn a_search_gives_way() {
        const PAGE: &[&str] = &["name"; 4];
        let search = Arranged::open(Pages(vec![PAGE; 1000]), vec![], matching("*.csv"), 10);
        let (found, turns) = turns(search);
        assert_eq!(found.unwrap_err().kind(), StorageErrorKind::NotFound);
        assert!(turns >= 1000 / 16, "it gave way {turns} times");
    }

    /// Nor does a pattern that is a lot of work for each name.
    #[test]
    fn a_page_gives_way() {
        const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        const PAGE: &[&str] = &[LONG; 1000];
        let pattern = matching(&std::format!("*{}b", "a".repeat(62)));
        let (_, turns) = turns(Arranged::open(Pages(vec![PAGE]), vec![], pattern, 10));
        assert!(turns >= 1000 * 64 * 64 / TURN, "it gave way {turns} times");
    }
}
