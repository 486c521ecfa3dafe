use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::client::{BlobOutcome, Progress};
use crate::oci::{Descriptor, Digest};

/// One bar per blob that is moving. Nothing is drawn where `bars` is hidden.
#[derive(Debug)]
pub(super) struct Bars {
    bars: MultiProgress,
    moving: Mutex<HashMap<Digest, ProgressBar>>,
}

impl Bars {
    /// Draws among `bars`.
    pub(super) fn new(bars: &MultiProgress) -> Self {
        Self { bars: bars.clone(), moving: Mutex::default() }
    }

    fn moving(&self) -> MutexGuard<'_, HashMap<Digest, ProgressBar>> {
        // A bar that a panicking thread left behind is still a bar.
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bars {
    fn started(&self, blob: &Descriptor) {
        let style = ProgressStyle::with_template("{msg}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}")
            .expect("the template is constant");
        let bar = self.bars.add(ProgressBar::new(blob.size)).with_style(style);
        bar.set_message(blob.digest.hex().chars().take(12).collect::<String>());
        self.moving().insert(blob.digest.clone(), bar);
    }

    fn advanced(&self, blob: &Descriptor, position: u64) {
        if let Some(bar) = self.moving().get(&blob.digest) {
            bar.set_position(position);
        }
    }

    fn finished(&self, blob: &Descriptor, _outcome: BlobOutcome) {
        if let Some(bar) = self.moving().remove(&blob.digest) {
            bar.finish_and_clear();
        }
    }
}
