//! What the kernel says of a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Clock ticks in a second: always so on Linux.
const TICKS: u64 = 100;

/// A process of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it has no memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Time on a processor since it was started, to a hundredth of a second.
    pub(crate) fn busy(self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name before that may hold anything, in parentheses.
        let (_, fields) = stat.rsplit_once(')').context("no such process")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    }
}
