//! Nightjar on one machine.

use std::process::ExitCode;

/// The engines allocate much and keep little; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    local::cli::main().await
}
