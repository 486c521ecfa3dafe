use comfy_table::{Table, presets};

use crate::oci::Digest;

use super::output::Paint;

/// How many hex digits of a digest tell it from others at a glance.
const SHORT_HEX: usize = 12;

/// The beginning of a digest.
pub(super) fn short(digest: &Digest) -> String {
    let hex: String = digest.hex().chars().take(SHORT_HEX).collect();
    format!("{}:{hex}", digest.algorithm().name())
}

/// Columns under titles, without lines. Every row has as many cells as there are titles.
pub(super) fn table<const N: usize>(
    paint: Paint,
    titles: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // Painted once it is laid out: colours would count as width.
    let text = table.trim_fmt();
    match text.split_once('\n') {
        Some((first, rest)) => format!("{}\n{rest}", paint.strong(first)),
        None => paint.strong(&text),
    }
}
