//! Where agents differ, as data. Istio's cache is the measure; the other columns say what they changed.

/// How an agent treats what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) untagged: Untagged,
    pub(super) version_recorded: VersionRecorded,
    pub(super) empty_version: EmptyVersion,
    pub(super) remembered: Remembered,
    pub(super) tag_scope: TagScope,
    pub(super) second_lookup: SecondLookup,
    pub(super) pins: Pins,
    pub(super) expiry: Expiry,
    pub(super) memory: Memory,
}

/// What an image without tag and digest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untagged {
    /// Fetched as `latest`, but not `latest` for the policy, which looks at the text
    /// (`shouldIgnoreResourceVersion`).
    AsWritten,
    /// `:latest` is added first (Envoy Gateway, `internal/gatewayapi/envoyextensionpolicy.go`).
    Latest,
}

/// When the version of the resource is taken for seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionRecorded {
    /// While looking up, so that a pull that fails afterwards is forgotten (`getEntry`).
    BeforeFetch,
    /// Once there is a module for it (Envoy Gateway, `internal/wasm/cache.go`).
    AfterSuccess,
}

/// What an empty version is under `Always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmptyVersion {
    /// Equal to one that was never recorded: a missing key of a Go map reads as the empty text.
    Known,
    /// New, every time.
    New,
}

/// What a digest out of the tag map is worth when its module is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// It must be found again; anything else is a checksum mismatch (`getOrFetch`).
    Expected,
    /// The module is used without a look whether it is there (Envoy Gateway, `getEntry` of
    /// `internal/wasm/cache.go`).
    Trusted,
    /// Nothing: the URL is resolved afresh.
    Hint,
}

/// Whose the tag map's entries are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagScope {
    /// All resources with the same URL share one, and each of them moves it (`updateChecksum`).
    Shared,
    /// A resource keeps what it got; the entry only tells newcomers what is present, and pinned resources
    /// leave it alone.
    Resource,
}

/// Whether the cache is asked again once the manifest has told the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecondLookup {
    /// Yes, so that an unchanged module costs no blob (`getOrFetch`).
    AfterManifest,
    /// No: the blob is downloaded whatever the manifest says (Envoy Gateway, `getOrFetch` of
    /// `internal/wasm/cache.go`).
    Never,
}

/// Which digests a resource can be pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pins {
    /// The sha256 of the manifest that is used in the end, so never that of an index (`PrepareFetch`,
    /// `pkg/wasm/imagefetcher.go`).
    Manifest,
    /// Also that of the index, and any algorithm.
    ManifestOrIndex,
}

/// What a module that is idle for too long gives way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The sweep, whether a gateway runs it or not (`purge`).
    Idle,
    /// The sweep, if no resource runs it.
    IdleAndUnused,
}

/// What is left after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// Nothing: the maps live in the process, and files that lie there are written anew
    /// (`NewLocalFileCache`).
    Process,
    /// Everything.
    Disk,
}

/// Istio's, from 1.15 to 1.30, and of Higress's forks, which left it alone.
pub(super) const ISTIO: Rules = Rules {
    untagged: Untagged::AsWritten,
    version_recorded: VersionRecorded::BeforeFetch,
    empty_version: EmptyVersion::Known,
    remembered: Remembered::Expected,
    tag_scope: TagScope::Shared,
    second_lookup: SecondLookup::AfterManifest,
    pins: Pins::Manifest,
    expiry: Expiry::Idle,
    memory: Memory::Process,
};

/// Envoy Gateway's, whose control plane pulls.
pub(super) const ENVOY_GATEWAY: Rules = Rules {
    untagged: Untagged::Latest,
    version_recorded: VersionRecorded::AfterSuccess,
    remembered: Remembered::Trusted,
    second_lookup: SecondLookup::Never,
    ..ISTIO
};

/// Our own: Istio's with the traps mended.
pub(super) const OURS: Rules = Rules {
    untagged: Untagged::Latest,
    version_recorded: VersionRecorded::AfterSuccess,
    empty_version: EmptyVersion::New,
    remembered: Remembered::Hint,
    tag_scope: TagScope::Resource,
    second_lookup: SecondLookup::AfterManifest,
    pins: Pins::ManifestOrIndex,
    expiry: Expiry::IdleAndUnused,
    memory: Memory::Disk,
};
