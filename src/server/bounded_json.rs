use std::io::{self, Write};

use http::StatusCode;
use serde::Serialize;

use super::problem::Problem;
use crate::oci::ErrorCode;

/// The largest answer that is worked out for a text of a client's.
const MOST_BYTES: usize = 16 << 20;

/// `value` as JSON, unless that is larger than any client should get: what a text gives may be many times its size.
pub(super) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bounded = Bounded(Vec::new());
    match serde_json::to_writer(&mut bounded, value) {
        Ok(()) => Ok(bounded.0),
        Err(error) if error.is_io() => {
            let message =
                format!("the answer is larger than {MOST_BYTES} bytes, the limit here; ask about less");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::SizeInvalid, message))
        }
        Err(error) => Err(Problem::internal(&error)),
    }
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_sixteen_mebibytes_to_the_byte() {
        // Two quotes stand around the text.
        let text = "x".repeat(MOST_BYTES - 2);
        assert_eq!(to_json(&text).unwrap().len(), MOST_BYTES);
        let refused = to_json(&(text + "x")).unwrap_err();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
