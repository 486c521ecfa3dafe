//! Many Envoys at once.

use std::time::Instant;

use crate::harness::client::Client;
use crate::harness::{DIALECTS, Server, plugin};

const STREAMS: usize = 1000;

/// Memory of this process, in KiB. Client and server are in it both.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_streams_get_one_change() {
    let server = Server::start().await;
    server.publisher.publish((0..200).map(|number| plugin(&format!("p{number}"), 1)));
    let before = resident();
    let mut clients = Vec::new();
    let mut channel = server.channel().await;
    for number in 0..STREAMS {
        if number % 50 == 0 {
            channel = server.channel().await;
        }
        let dialect = DIALECTS[number % DIALECTS.len()];
        let mut client = Client::open(channel.clone(), dialect, &format!("gateway-{number}")).await;
        client.subscribe(&["n.p7"]).await;
        client.take().await;
        clients.push(client);
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = (after - before) / STREAMS as u64;
        println!("{each} KiB for each stream, client and server together");
    }
    assert_eq!(server.envoys.connected(), STREAMS);

    let changed = Instant::now();
    let plugins = (0..200).map(|number| plugin(&format!("p{number}"), if number == 7 { 2 } else { 1 }));
    server.publisher.publish(plugins);
    for client in &mut clients {
        assert_eq!(client.take().await.name(), "n.p7");
    }
    println!("{STREAMS} streams had the change after {:?}", changed.elapsed());
    clients.last_mut().unwrap().hears_nothing().await;
    drop(clients);
    server.stop().await;
}
