use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Space set aside so that deletes can be recorded when the disk is full: the write-ahead log must grow first.
const RESERVE_BYTES: u64 = 2 << 20;

/// Free space below which nothing is written that pushes can do without.
const SPARE_BYTES: u64 = 8 << 20;

/// A file of [`RESERVE_BYTES`] that is given up for a delete and taken back later.
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(super) fn open(dir: &Path) -> Self {
        let reserve = Self { path: dir.join("reserve") };
        reserve.restore();
        reserve
    }

    /// Whether there is room for what pushes can do without. What cannot be told is taken for room.
    pub(super) fn has_room_to_spare(&self) -> bool {
        let dir = self.path.parent().unwrap_or(&self.path);
        statvfs(dir).map_or(true, |facts| facts.f_bavail.saturating_mul(facts.f_frsize) >= SPARE_BYTES)
    }

    /// Gives the space up; `false` where it was given up before.
    pub(super) fn release(&self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }

    /// Takes the space back where it is free. Having no reserve is no reason to stop serving.
    pub(super) fn restore(&self) {
        if self.path.metadata().is_ok_and(|facts| facts.len() == RESERVE_BYTES) {
            return;
        }
        let taken = File::create(&self.path)
            .is_ok_and(|file| fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_ok());
        if !taken {
            self.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_given_up_once_and_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let size = || dir.path().join("reserve").metadata().map(|facts| facts.len()).ok();
        let reserve = Reserve::open(dir.path());
        assert_eq!(size(), Some(RESERVE_BYTES));
        assert!(reserve.release());
        assert!(!reserve.release());
        assert_eq!(size(), None);
        reserve.restore();
        assert_eq!(size(), Some(RESERVE_BYTES));
    }
}
