//! The header block of a tar member, and the records that may extend it.

use std::ops::Range;

/// Headers and data are laid out in blocks of so many bytes.
pub(super) const BLOCK: usize = 512;

/// One header block, its checksum not yet trusted.
pub(super) struct Header([u8; BLOCK]);

impl Header {
    pub(super) fn new(block: &[u8; BLOCK]) -> Self {
        Self(*block)
    }

    /// Whether the checksum holds and the fields of numbers hold numbers, which is what agents ask of a header.
    pub(super) fn is_sound(&self) -> bool {
        const MODE_OWNER_GROUP_TIME: [Range<usize>; 4] = [100..108, 108..116, 116..124, 136..148];
        const DEVICE: [Range<usize>; 2] = [329..337, 337..345];
        let has_device = self.0[257..262] == *b"ustar";
        let fields = MODE_OWNER_GROUP_TIME.into_iter().chain(DEVICE.into_iter().filter(|_| has_device));
        self.checksum_holds() && fields.into_iter().all(|field| is_number(&self.0[field]))
    }

    /// The type of the member: a digit of POSIX, or a letter of some vendor.
    pub(super) fn kind_byte(&self) -> u8 {
        self.0[156]
    }

    /// Prefix and name, where the header is POSIX's; else the name.
    pub(super) fn path(&self) -> String {
        let name = text(&self.0[..100]);
        let prefix = if self.0[257..263] == *b"ustar\0" { text(&self.0[345..500]) } else { String::new() };
        if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
    }

    /// The data's length: octal digits, or GNU's binary number behind a set top bit.
    pub(super) fn size(&self) -> Option<u64> {
        let field = &self.0[124..136];
        let size = if field[0] & 0x80 != 0 { binary(field) } else { octal(field) };
        size.filter(|size| i64::try_from(*size).is_ok())
    }

    /// The sum of all bytes with the sum's own field as blanks; some old writers summed signed bytes.
    fn checksum_holds(&self) -> bool {
        let stated = octal(&self.0[148..156]);
        let counted = |index: usize, byte: u8| if (148..156).contains(&index) { b' ' } else { byte };
        let bytes = || self.0.iter().enumerate().map(|(index, byte)| counted(index, *byte));
        let unsigned: u64 = bytes().map(u64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        stated
            .is_some_and(|stated| stated == unsigned || i64::try_from(stated).is_ok_and(|sum| sum == signed))
    }
}

/// Octal, or binary of either sign: times before 1970 are legal.
fn is_number(field: &[u8]) -> bool {
    field[0] & 0x80 != 0 || octal(field).is_some()
}

/// Digits between blanks and NULs, up to the first NUL among them; nothing at all is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']).split('\0').next()?;
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn binary(field: &[u8]) -> Option<u64> {
    let (high, low) = field.split_at(field.len() - 8);
    let fits = high[0] == 0x80 && high[1..].iter().all(|byte| *byte == 0);
    fits.then(|| low.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)))
}

/// A field up to its first NUL.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// What pax records say about the member that follows them.
#[derive(Default)]
pub(super) struct PaxRecords {
    /// Its path; empty where they leave it to the header.
    pub(super) path: String,
    /// Its size, where they state one.
    pub(super) size: Option<u64>,
}

impl PaxRecords {
    /// Reads records of the form `LENGTH KEY=VALUE\n`; `None` where one is malformed.
    pub(super) fn parse(mut text: &[u8]) -> Option<Self> {
        let mut records = Self::default();
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ')?;
            let length = decimal(&text[..space])?;
            let (record, rest) = text.split_at_checked(usize::try_from(length).ok()?)?;
            let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            records.set(&record[..equals], &record[equals + 1..])?;
            text = rest;
        }
        Some(records)
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"" => return None,
            b"path" if value.contains(&0) => return None,
            b"path" => self.path = String::from_utf8_lossy(value).into_owned(),
            b"size" if value.is_empty() => {}
            b"size" => self.size = Some(decimal(value).filter(|size| i64::try_from(*size).is_ok())?),
            _ => {}
        }
        Some(())
    }
}

/// Digits only: no sign, no blank.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}
