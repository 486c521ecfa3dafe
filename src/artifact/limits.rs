/// What unpacking a layer may cost. Memory stays fixed whatever the values: they bound time and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that a layer may unpack to, tar headers included. Default 256 MiB, where agents stop reading.
    pub unpacked_bytes: u64,
    /// Bytes of a tar that may come before `plugin.wasm`. Default 256 MiB.
    pub search_bytes: u64,
    /// Entries of a tar that are looked at before the search for `plugin.wasm` ends. Default 1000.
    pub tar_entries: u32,
    /// Bytes of one tar header extension (GNU long name, PAX records), which are held in memory. Default 64 KiB.
    pub tar_extension_bytes: u64,
    /// Window of a zstd frame, which is held in memory up to twice. Default 16 MiB, twice what RFC 8878 asks of decoders
    /// and image builders ask for.
    pub zstd_window_bytes: u64,
}

impl Limits {
    /// Where agents stop reading a tar (`features.MaxWasmBinarySizeBytes` of Istio 1.30).
    pub const AGENT_BYTES: u64 = 256 * 1024 * 1024;

    /// Limits for asking what a layer is: an ordinary container image is given up after 64 entries or 8 MiB, while a
    /// `plugin.wasm` found by then is still read to its end.
    pub fn probe() -> Self {
        Self { search_bytes: 8 * 1024 * 1024, tar_entries: 64, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: Self::AGENT_BYTES,
            search_bytes: Self::AGENT_BYTES,
            tar_entries: 1000,
            tar_extension_bytes: 64 * 1024,
            zstd_window_bytes: 16 * 1024 * 1024,
        }
    }
}
