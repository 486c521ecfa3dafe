use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// From 1 to 16,384 milliseconds, as Istio has them.
const DURATION_BUCKETS: u16 = 15;

/// What Istio's agent counts of modules, under its names (`pkg/wasm/monitoring.go`).
#[derive(Debug)]
pub struct PullMetrics {
    entries: Gauge,
    lookups: Family<LookupLabels, Counter>,
    fetches: Family<FetchLabels, Counter>,
    conversions: Family<ConversionLabels, Counter>,
    durations: Histogram,
}

/// What became of a plugin on its way to Envoy, which Istio calls its conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Conversion {
    /// There is a module for it.
    Success,
    /// It names a local file.
    NoRemoteLoad,
    /// There is none.
    FetchFailure,
}

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchResult {
    /// The module was fetched.
    Success,
    /// Anything up to the manifest.
    ManifestFailure,
    /// The layer or the file, or its form.
    DownloadFailure,
    /// Another digest than was asked for.
    ChecksumMismatched,
    /// No module that a gateway could run, or no secret to fetch it with.
    FetchFailure,
}

/// Whether the cache knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Hit,
    Miss,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    hit: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    result: FetchResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConversionLabels {
    result: Conversion,
}

impl Default for PullMetrics {
    fn default() -> Self {
        Self {
            entries: Gauge::default(),
            lookups: Family::default(),
            fetches: Family::default(),
            conversions: Family::default(),
            durations: Histogram::new(exponential_buckets(1.0, 2.0, DURATION_BUCKETS)),
        }
    }
}

impl PullMetrics {
    /// Enters them into `registry`, whose prefix is to be `istio_agent` for Istio's dashboards.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("wasm_cache_entries", "Modules in the cache", self.entries.clone());
        let lookups = "Lookups in the module cache; a fetch without a checksum makes two";
        registry.register("wasm_cache_lookup_count", lookups, self.lookups.clone());
        registry.register("wasm_remote_fetch_count", "Modules fetched, or not", self.fetches.clone());
        let conversions = "Plugins that there is a module for, or not, at each change";
        registry.register("wasm_config_conversion_count", conversions, self.conversions.clone());
        let durations = "Milliseconds until there was a module, or none";
        registry.register("wasm_config_conversion_duration", durations, self.durations.clone());
    }

    /// How many modules the cache has.
    pub fn entries(&self) -> i64 {
        self.entries.get()
    }

    /// How many lookups the cache could, or could not, answer.
    pub fn lookups(&self, hit: bool) -> u64 {
        self.lookups.get_or_create(&LookupLabels { hit }).get()
    }

    /// How many fetches ended so.
    pub fn fetches(&self, result: FetchResult) -> u64 {
        self.fetches.get_or_create(&FetchLabels { result }).get()
    }

    pub(super) fn set_entries(&self, entries: usize) {
        self.entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    pub(super) fn looked_up(&self, lookup: Lookup) {
        self.lookups.get_or_create(&LookupLabels { hit: lookup == Lookup::Hit }).inc();
    }

    pub(super) fn converted(&self, result: Conversion, duration: Duration) {
        self.conversions.get_or_create(&ConversionLabels { result }).inc();
        self.durations.observe(duration.as_secs_f64() * 1000.0);
    }

    pub(super) fn fetched(&self, result: FetchResult) {
        self.fetches.get_or_create(&FetchLabels { result }).inc();
    }
}

impl EncodeLabelValue for Conversion {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> std::fmt::Result {
        encoder.write_str(match self {
            Self::Success => "success",
            Self::NoRemoteLoad => "no_remote_load",
            Self::FetchFailure => "fetch_failure",
        })
    }
}

impl FetchResult {
    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ManifestFailure => "manifest_failure",
            Self::DownloadFailure => "download_failure",
            Self::ChecksumMismatched => "checksum_mismatched",
            Self::FetchFailure => "fetch_failure",
        }
    }
}

impl EncodeLabelValue for FetchResult {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> std::fmt::Result {
        encoder.write_str(self.name())
    }
}
