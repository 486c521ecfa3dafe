use std::collections::BTreeSet;

use super::{Error, Registry, Target};
use crate::oci::{RepositoryName, Tag};

/// Which part of a list to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items; the target may answer fewer. None: as many as it likes.
    pub limit: Option<u32>,
    /// Where to begin.
    pub start: PageStart,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PageStart {
    /// With the first item.
    #[default]
    First,
    /// Behind this item.
    After(String),
    /// Where the page before ended, in the target's own words.
    Next(Cursor),
}

/// A target's own word for where the next page begins; it means nothing elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) String);

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the target's order.
    pub items: Vec<T>,
    /// Where the next page begins; none behind the last page.
    pub next: Option<Cursor>,
}

impl PageRequest {
    /// The page that begins at `cursor`, with the same limit.
    #[must_use]
    pub fn next(&self, cursor: Cursor) -> Self {
        Self { limit: self.limit, start: PageStart::Next(cursor) }
    }
}

impl<T: ToString> Page<T> {
    /// The page that `request` asks for out of `sorted`, a whole list held here.
    pub(super) fn of(sorted: Vec<T>, request: &PageRequest) -> Self {
        let after = match &request.start {
            PageStart::First => None,
            PageStart::After(last) | PageStart::Next(Cursor(last)) => Some(last.as_str()),
        };
        let mut items: Vec<T> = sorted
            .into_iter()
            .filter(|item| after.is_none_or(|after| item.to_string().as_str() > after))
            .collect();
        let limit = request.limit.map_or(usize::MAX, |limit| limit as usize);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor(last.to_string()));
        Self { items, next }
    }
}

/// Every tag of a target, page after page, without duplicates and in order.
pub async fn all_tags(target: &dyn Target) -> Result<BTreeSet<Tag>, Error> {
    all(async |request| target.tags(&request).await).await
}

/// Every repository of a registry, page after page, without duplicates and in order.
pub async fn all_repositories(registry: &Registry) -> Result<BTreeSet<RepositoryName>, Error> {
    all(async |request| registry.catalog(&request).await).await
}

/// Every item; a page that brings nothing new is the last one, whatever it says: pages may lead in a circle.
async fn all<T: Ord>(
    page: impl AsyncFn(PageRequest) -> Result<Page<T>, Error>,
) -> Result<BTreeSet<T>, Error> {
    let mut all = BTreeSet::new();
    let mut request = PageRequest::default();
    loop {
        let page = page(request.clone()).await?;
        let before = all.len();
        all.extend(page.items);
        match page.next {
            Some(cursor) if all.len() > before => request = request.next(cursor),
            _ => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_list_is_paged_by_limit_and_last_item() {
        let list = || ["a", "b", "c"].map(str::to_owned).to_vec();
        let request = PageRequest { limit: Some(2), start: PageStart::First };
        let first = Page::of(list(), &request);
        assert_eq!(first.items, ["a", "b"]);
        let second = Page::of(list(), &request.next(first.next.unwrap()));
        assert_eq!((second.items, second.next), (vec!["c".to_owned()], None));
        let behind_unknown = PageRequest { limit: None, start: PageStart::After("bb".to_owned()) };
        assert_eq!(Page::of(list(), &behind_unknown).items, ["c"]);
        let nothing = PageRequest { limit: Some(0), start: PageStart::First };
        assert_eq!(Page::of(list(), &nothing), Page { items: vec![], next: None });
    }
}
