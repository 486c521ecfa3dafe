use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::fleet::{FleetFigures, LedgerCounts};

/// What the ledger counts and what is known of the fleet, read when it is asked for.
#[derive(Debug)]
pub(super) struct FleetMetrics {
    pub(super) ledger: Arc<LedgerCounts>,
    pub(super) figures: Arc<FiguresSlot>,
}

/// How the fleet was doing when the figures were last asked for.
#[derive(Debug, Default)]
pub(super) struct FiguresSlot(Mutex<Arc<FleetFigures>>);

#[derive(Clone, Debug, EncodeLabelSet)]
struct PullLabels {
    repository: String,
    kind: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct TagLabels {
    repository: String,
    tag: String,
}

impl FiguresSlot {
    pub(super) fn put(&self, figures: Arc<FleetFigures>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    fn get(&self) -> Arc<FleetFigures> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Collector for FleetMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, help, count) in [
            ("pulls_noted", "Reads by agents that were written down", self.ledger.written()),
            ("pulls_dropped", "Reads by agents that were not", self.ledger.dropped()),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        self.encode_pulls(&mut encoder)?;
        self.encode_fleet(&mut encoder)
    }
}

impl FleetMetrics {
    fn encode_pulls(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "Reads by agents, by what came of them";
        let mut family = encoder.encode_descriptor("pulls", help, None, MetricType::Counter)?;
        for (labels, count) in self.ledger.pulls().iter() {
            let (repository, kind) = (labels.repository.clone(), labels.kind.clone());
            let labels = PullLabels { repository, kind, outcome: labels.outcome };
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_fleet(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let figures = self.figures.get();
        let help = "Agents by state, each counted for each tag that it asks for";
        let mut family = encoder.encode_descriptor("agents", help, None, MetricType::Gauge)?;
        for (state, agents) in &figures.states {
            gauge(*agents).encode(family.encode_family(&StateLabels { state })?)?;
        }
        let help = "Agents that have what a tag named before";
        let mut family = encoder.encode_descriptor("stale_agents", help, None, MetricType::Gauge)?;
        for ((repository, tag), agents) in &figures.stale {
            let labels = TagLabels { repository: repository.clone(), tag: tag.clone() };
            gauge(*agents).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn gauge(count: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}
