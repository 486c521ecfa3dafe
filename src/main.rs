//! The `hwasm-registry` command.

fn main() {}
