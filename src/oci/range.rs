use std::ops::RangeInclusive;
use std::str::FromStr;

/// One byte range of content whose length is known: first and last position, both included.
pub type ByteRange = RangeInclusive<u64>;

/// The `Range` request header, in units of bytes (RFC 9110, section 14.2), not yet held against a length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<Spec>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    FromTo(u64, u64),
    From(u64),
    Last(u64),
}

/// Why a byte range cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RangeError {
    /// Not `bytes=first-last`, `bytes=first-` or `bytes=-length`.
    #[error("range `{0}` is not `bytes=` and `first-last`, `first-` or `-length`, comma separated")]
    Malformed(String),
    /// More ranges than one request may ask for.
    #[error("more than {max} ranges in one request", max = Ranges::MAX)]
    TooMany,
    /// No range lies within the content.
    #[error("no requested range lies within the content's {0} bytes")]
    Unsatisfiable(u64),
    /// Not `first-last`.
    #[error("content range `{0}` is not `first-last` with first at most last")]
    MalformedChunk(String),
}

impl Ranges {
    /// The most ranges one request may ask for: a multipart answer costs a header and a seek for each.
    pub const MAX: usize = 16;

    /// Reads a `Range` header; `None` where its unit is not bytes, which means to answer without ranges.
    pub fn parse(header: &str) -> Result<Option<Self>, RangeError> {
        let malformed = || RangeError::Malformed(super::digest::excerpt(header));
        let (unit, list) = header.split_once('=').ok_or_else(malformed)?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Ok(None);
        }
        let specs: Vec<_> =
            list.split(',').take(Self::MAX + 1).map(|spec| Spec::parse(spec.trim())).collect();
        if specs.len() > Self::MAX {
            return Err(RangeError::TooMany);
        }
        specs.into_iter().collect::<Option<_>>().map(|specs| Some(Self(specs))).ok_or_else(malformed)
    }

    /// The ranges that content of `size` bytes has, in the order asked for.
    pub fn resolve(&self, size: u64) -> Result<Vec<ByteRange>, RangeError> {
        let ranges: Vec<_> = self.0.iter().filter_map(|spec| spec.resolve(size)).collect();
        if ranges.is_empty() { Err(RangeError::Unsatisfiable(size)) } else { Ok(ranges) }
    }
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Some(Self::FromTo(first, last)),
            (Some(first), None) if last.is_empty() => Some(Self::From(first)),
            (None, Some(length)) if first.is_empty() => Some(Self::Last(length)),
            _ => None,
        }
    }

    fn resolve(self, size: u64) -> Option<ByteRange> {
        let end = size.checked_sub(1)?;
        match self {
            Self::FromTo(first, last) if first <= end => Some(first..=last.min(end)),
            Self::From(first) if first <= end => Some(first..=end),
            Self::Last(length) if length > 0 => Some(size.saturating_sub(length)..=end),
            _ => None,
        }
    }
}

/// The `Content-Range` of an upload chunk, `first-last` (distribution-spec 1.1.1, "Pushing a blob in chunks").
///
/// It has neither unit nor total, unlike RFC 9110's header of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRange {
    /// Position of the chunk's first byte within the blob.
    pub first: u64,
    /// Position of the chunk's last byte.
    pub last: u64,
}

impl ChunkRange {
    /// How many bytes the chunk has.
    pub fn length(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl FromStr for ChunkRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        match text.split_once('-').map(|(first, last)| (number(first), number(last))) {
            Some((Some(first), Some(last))) if first <= last => Ok(Self { first, last }),
            _ => Err(RangeError::MalformedChunk(super::digest::excerpt(text))),
        }
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_as_rfc_9110_says() {
        let cases: [(&str, u64, Option<Vec<ByteRange>>); 9] = [
            ("bytes=0-499", 1000, Some(vec![0..=499])),
            ("bytes=500-", 1000, Some(vec![500..=999])),
            ("bytes=-1", 1000, Some(vec![999..=999])),
            ("bytes=-5000", 1000, Some(vec![0..=999])),
            ("bytes=0-0, 10-19", 1000, Some(vec![0..=0, 10..=19])),
            ("Bytes=990-5000", 1000, Some(vec![990..=999])),
            ("bytes=1000-", 1000, None),
            ("bytes=-0", 1000, None),
            ("bytes=0-", 0, None),
        ];
        for (header, size, expected) in cases {
            let resolved = Ranges::parse(header).unwrap().unwrap().resolve(size).ok();
            assert_eq!(resolved, expected, "{header} of {size}");
        }
    }

    #[test]
    fn malformed_ranges_are_refused_and_other_units_ignored() {
        for bad in
            ["bytes", "bytes=", "bytes=a-b", "bytes=5-1", "bytes=+1-2", "bytes=1", "bytes=0-1,,", "bytes=--1"]
        {
            assert!(matches!(Ranges::parse(bad), Err(RangeError::Malformed(_))), "{bad}");
        }
        assert_eq!(Ranges::parse("items=0-1"), Ok(None));
        let many = format!("bytes={}", vec!["0-0"; Ranges::MAX + 1].join(","));
        assert_eq!(Ranges::parse(&many), Err(RangeError::TooMany));
        assert!(Ranges::parse(&format!("bytes={}", vec!["0-0"; Ranges::MAX].join(","))).is_ok());
    }

    #[test]
    fn chunk_ranges_have_no_unit() {
        assert_eq!("0-1023".parse::<ChunkRange>().unwrap().length(), 1024);
        for bad in ["", "5", "5-4", "bytes 0-1", "0-1/2", "-1", "1-", "0-99999999999999999999999"] {
            assert!(bad.parse::<ChunkRange>().is_err(), "{bad}");
        }
        let whole = ChunkRange { first: 0, last: u64::MAX };
        assert_eq!(whole.length(), u64::MAX);
    }
}
