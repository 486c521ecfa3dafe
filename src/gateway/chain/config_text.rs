use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::plugin::Config;

/// The JSON text that reaches a plugin's `on_configure`, as discovery writes it (`protomarshal.ToJSON`, Istio
/// `pkg/util/protomarshal`, which is Go's `encoding/json` below): keys sorted, no blanks, `<`, `>` and `&`
/// escaped, and **every number a 64-bit float**, because the resource carries the configuration as a protobuf
/// `Struct`. So integers above 2^53 lose their last digits on the way to the plugin.
#[expect(clippy::missing_panics_doc, reason = "what could fail, fails in memory or on text, and neither can")]
pub fn config_text(config: &Config) -> String {
    let mut text = Vec::new();
    config
        .serialize(&mut Serializer::with_formatter(&mut text, Go))
        .expect("a JSON value is written to memory");
    String::from_utf8(text).expect("the serializer writes UTF-8")
}

/// The habits of Go's `encoding/json`.
struct Go;

impl Formatter for Go {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "discovery loses the same digits")]
        self.write_f64(writer, value as f64)
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "discovery loses the same digits")]
        self.write_f64(writer, value as f64)
    }

    /// The shortest digits that give the number back; an exponent below 1e-6 and from 1e21 on.
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size >= 1e21 {
            let text = format!("{value:e}").replacen('e', "e+", 1);
            writer.write_all(text.as_bytes())
        } else if size < 1e-6 && size > 0.0 {
            write!(writer, "{value:e}")
        } else {
            write!(writer, "{value}")
        }
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            let special = tail.chars().next().expect("the search found a character here");
            write!(writer, "{plain}\\u{:04x}", u32::from(special))?;
            rest = &tail[special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: serde_json::Value) -> String {
        let mut config = Config::new();
        config.insert("v".to_owned(), value);
        let text = config_text(&config);
        let inner = text.strip_prefix(r#"{"v":"#).and_then(|text| text.strip_suffix('}'));
        inner.expect("the object has one key").to_owned()
    }

    #[test]
    fn numbers_are_written_as_go_writes_floats() {
        let cases = [
            (json!(0), "0"),
            (json!(-7), "-7"),
            (json!(1.0), "1"),
            (json!(0.1), "0.1"),
            (json!(9_007_199_254_740_993_i64), "9007199254740992"),
            (json!(u64::MAX), "18446744073709552000"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e21), "1e+21"),
            (json!(-1.5e300), "-1.5e+300"),
            (json!(0.000_001), "0.000001"),
            (json!(0.000_000_12), "1.2e-7"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value.clone()), expected, "{value}");
        }
    }

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        assert_eq!(text(json!("a<b>&\"\n\u{2028}é")), r#""a\u003cb\u003e\u0026\"\n\u2028é""#);
        assert_eq!(text(json!({"<k>": [null, true]})), r#"{"\u003ck\u003e":[null,true]}"#);
    }
}
