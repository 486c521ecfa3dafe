//! What triggers count in `tag_groups` is what counting `pulls` and `reports` anew would give, whatever happens to them.

use std::time::Duration;

use super::{AgentReport, Metadata, PluginReport, PullRead, PullRecord};
use crate::oci::Digest;
use crate::storage::Timestamp;

const STEPS: u32 = 400;

const COUNTED_ANEW: &str = "
    SELECT repository, reference, 0, kind, coalesce(digest, ''), coalesce(fetched, ''), resolves > 0, '', 0, count(*)
    FROM pulls WHERE is_reported = 0 AND instr(reference, ':') = 0
    GROUP BY repository, reference, kind, digest, fetched, resolves > 0
    UNION ALL SELECT repository, reference, 1, '', '', '', 0, coalesce(running, ''), refused IS NOT NULL, count(*)
    FROM reports WHERE instr(reference, ':') = 0 GROUP BY repository, reference, running, refused IS NOT NULL";

/// Chance, from a seed.
struct Dice(fastrand::Rng);

impl Dice {
    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.0.usize(..texts.len())]
    }

    fn digest(&mut self) -> Digest {
        Digest::sha256(self.one_of(&["1", "2"]).as_bytes())
    }

    fn maybe_digest(&mut self) -> Option<Digest> {
        self.0.bool().then(|| self.digest())
    }

    fn reference(&mut self) -> String {
        let digest = Digest::sha256(b"1").to_string();
        self.one_of(&["v1", "v2", &digest]).to_owned()
    }

    fn record(&mut self, at: Timestamp) -> PullRecord {
        let (reference, digest) = (self.reference().parse().unwrap(), self.digest());
        let read = match self.0.u8(..3) {
            0 => PullRead::Manifest { reference, digest: self.maybe_digest(), status: 200 },
            1 => PullRead::Module { reference, digest, bytes: u64::from(self.0.bool()) },
            _ => PullRead::Layer { digest, bytes: 1 },
        };
        PullRecord {
            agent: self.one_of(&["a", "b", "c"]).to_owned(),
            kind: self.one_of(&["agent", "crane"]).to_owned(),
            repository: self.one_of(&["plugins/a", "plugins/b"]).parse().unwrap(),
            read,
            first: at,
            last: at,
            count: 1,
        }
    }

    fn plugin(&mut self, name: &str) -> PluginReport {
        PluginReport {
            repository: self.one_of(&["plugins/a", "plugins/b"]).parse().unwrap(),
            reference: self.reference().parse().unwrap(),
            namespace: String::new(),
            name: name.to_owned(),
            url: String::new(),
            policy: String::new(),
            sha256: String::new(),
            wanted: self.maybe_digest(),
            running: self.maybe_digest(),
            refused: self.0.bool().then(|| self.one_of(&["no", "never"]).to_owned()),
        }
    }

    fn report(&mut self, at: Timestamp) -> AgentReport {
        let names = ["p", "q", "r"];
        let plugins = names[..self.0.usize(..=3)].iter().map(|name| self.plugin(name)).collect();
        AgentReport {
            agent: self.one_of(&["a", "b", "d"]).to_owned(),
            kind: "agent".to_owned(),
            received: at,
            lease_until: at.after(Duration::from_secs(20)),
            watches: false,
            plugins,
        }
    }
}

#[tokio::test]
async fn groups_are_what_counting_gives() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Metadata::open(dir.path(), 1).await.unwrap();
    let seed = fastrand::u64(..);
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let (mut now, mut had_groups) = (Timestamp::now(), 0);
    for step in 0..STEPS {
        now = now.after(Duration::from_secs(1));
        match dice.0.u8(..20) {
            0 => {
                let limits = (dice.0.u32(1..4), dice.0.u32(1..8));
                metadata.trim_pulls(now.before(Duration::from_secs(30)), limits).await.unwrap();
            }
            1 => metadata.forget_reports(now).await.unwrap(),
            2..8 => drop(metadata.record_report(&dice.report(now)).await.unwrap()),
            _ => {
                let records: Vec<PullRecord> = (0..dice.0.u8(1..5)).map(|_| dice.record(now)).collect();
                metadata.record_pulls(&records).await.unwrap();
            }
        }
        had_groups += u32::from(groups(&metadata, "SELECT * FROM tag_groups").await.len() > 1);
        for (one, other) in
            [("SELECT * FROM tag_groups", COUNTED_ANEW), (COUNTED_ANEW, "SELECT * FROM tag_groups")]
        {
            let wrong =
                groups(&metadata, &format!("SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other})")).await;
            assert!(wrong.is_empty(), "step {step}, seed {seed}: {wrong:?} in {one}");
        }
    }
    assert!(had_groups > STEPS / 2, "{had_groups}");
    metadata.close().await;
}

type Group = (String, String, i64, String, String, String, i64, String, i64, i64);

async fn groups(metadata: &Metadata, sql: &str) -> Vec<Group> {
    sqlx::query_as(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&metadata.readers).await.unwrap()
}
