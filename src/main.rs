//! The `hwasm-registry` command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    hwasm_registry::commands::run().await
}
