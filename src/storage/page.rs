/// Which part of a sorted list is asked for (distribution-spec 1.1.1, "Listing Tags").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only entries that sort after this text; it need not exist.
    pub after: Option<String>,
    /// At most this many entries.
    pub limit: u32,
}

/// A part of a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in byte order of their names.
    pub items: Vec<T>,
    /// Whether more entries follow.
    pub more: bool,
}

impl PageRequest {
    pub(super) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or("")
    }

    /// One more than asked for: its presence tells that more follow.
    pub(super) fn probe(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

impl<T> Page<T> {
    /// The page that a query with [`PageRequest::probe`] as its limit found.
    pub(super) fn probed(mut items: Vec<T>, request: &PageRequest) -> Self {
        let limit = request.limit as usize;
        let more = limit > 0 && items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_beyond_the_limit_tells_that_more_follow() {
        // Limit, entries found with a limit of one more, entries of the page, whether more follow.
        for (limit, found, shown, more) in
            [(2, 3, 2, true), (2, 2, 2, false), (2, 0, 0, false), (0, 1, 0, false)]
        {
            let request = PageRequest { after: None, limit };
            let page = Page::probed(vec!["x"; found], &request);
            assert_eq!((page.items.len(), page.more), (shown, more), "{found} of {limit}");
        }
        assert_eq!(PageRequest { after: None, limit: u32::MAX }.probe(), 1 << 32);
    }
}
