//! `kill -9` at any moment during concurrent pushes loses nothing acknowledged and serves nothing corrupt.
//!
//! Each round starts the real binary on the same data directory, checks everything pushed so far, finishes the
//! uploads that the last kill interrupted, then lets several clients push until the process is killed at a random
//! moment. `CRASH_SEED=<number>` repeats the random choices of an earlier run, `CRASH_ROUNDS=<number>` runs longer.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/pusher.rs"]
mod pusher;
#[path = "crash/random.rs"]
mod random;
#[path = "crash/server.rs"]
mod server;

use pusher::Pusher;
use random::Random;
use server::Server;

const ROUNDS: u64 = 36;
const PUSHERS: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_nothing_acknowledged_and_serves_nothing_corrupt() {
    let seed = number("CRASH_SEED").unwrap_or_else(time_as_seed);
    println!("CRASH_SEED={seed}");
    let mut random = Random::new(seed);
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let address = server::free_address();
    let mut pushers: Vec<Pusher> =
        (0..PUSHERS).map(|n| Pusher::new(n, &format!("http://{address}"), random.next())).collect();

    for round in 0..number("CRASH_ROUNDS").unwrap_or(ROUNDS) {
        println!("round {round}");
        let server = Server::start(&address, home.path()).await;
        for pusher in &mut pushers {
            pusher.check_after_a_crash().await;
        }
        pushers = push_until_killed(pushers, server, Duration::from_millis(random.below(160))).await;
    }

    let _server = Server::start(&address, home.path()).await;
    for pusher in &mut pushers {
        pusher.check_everything().await;
    }
    let total: usize = pushers.iter().map(Pusher::acknowledged).sum();
    println!("{total} blobs, manifests and tags were acknowledged and found again");
    assert!(total > 100, "only {total} pushes were acknowledged, too few to prove anything");
}

async fn push_until_killed(pushers: Vec<Pusher>, server: Server, delay: Duration) -> Vec<Pusher> {
    let tasks: Vec<_> =
        pushers.into_iter().map(|pusher| tokio::spawn(pusher.push_until_the_server_dies())).collect();
    tokio::time::sleep(delay).await;
    server.kill();
    let mut pushers = Vec::new();
    for task in tasks {
        pushers.push(task.await.expect("a pusher meets only answers that it expects"));
    }
    pushers
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("the variable holds a number"))
}

fn time_as_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| u64::from(time.subsec_nanos()))
}
