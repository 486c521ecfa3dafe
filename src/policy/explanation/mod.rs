//! What an agent makes of one URL, told by playing the situations that matter to its author.

mod explain;
mod situation;
mod trap;

#[cfg(test)]
mod tests;

pub use explain::{Explanation, Question, Row, Surprise};
pub use situation::Situation;
pub use trap::Trap;
