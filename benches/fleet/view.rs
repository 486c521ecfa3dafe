//! How long the views take.

use std::time::Instant;

use anyhow::{Result, ensure};
use reqwest::Client;

use crate::times::Times;

/// What to look at.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// How often
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

const VIEWS: [(&str, &str); 6] = [
    ("how far each tag is, first page of 50 tags", "/api/v1/fleet/tags"),
    ("how far each tag is, all 500 tags", "/api/v1/fleet/tags?n=1000"),
    ("agents, first 100 rows", "/api/v1/fleet?n=100"),
    ("agents, first 1,000 rows", "/api/v1/fleet?n=1000"),
    ("agents of one tag", "/api/v1/fleet?repository=fleet/p250&reference=v1"),
    ("impact of moving one tag", "/api/v1/impact?repository=fleet/p250&tag=v1"),
];

pub(crate) async fn run(args: Args) -> Result<String> {
    let client = Client::new();
    let mut report = String::from("| view (ms) | median | p90 |\n|---|--:|--:|\n");
    for (title, path) in VIEWS {
        let mut times = Times::default();
        for _ in 0..args.rounds {
            let asked = Instant::now();
            let answer = client.get(format!("http://{}{path}", args.host)).send().await?;
            ensure!(answer.status() == 200, "{path} was answered {}", answer.status());
            answer.bytes().await?;
            times.push(asked.elapsed());
        }
        report += &times.row(title);
    }
    Ok(report)
}
