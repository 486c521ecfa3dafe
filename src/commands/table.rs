use comfy_table::{Table, presets};

use super::output::Paint;

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
