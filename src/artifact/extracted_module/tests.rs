use std::io;

use proptest::prelude::*;

use super::*;
use crate::artifact::examine;
use crate::artifact::fixtures::{
    Member, component, file, gzip, plugin_module, special, tar, unterminated_tar, zstd,
};

fn unpack_within(encoding: Encoding, layer: &[u8], limits: &Limits) -> Result<Vec<u8>, UnpackError> {
    let mut module = Vec::new();
    let extracted = extract(encoding, layer, &mut module, limits)?;
    assert_eq!(
        extracted,
        ExtractedModule { size_bytes: module.len() as u64, digest: Digest::sha256(&module) }
    );
    Ok(module)
}

fn unpack(encoding: Encoding, layer: &[u8]) -> Result<Vec<u8>, UnpackError> {
    unpack_within(encoding, layer, &Limits::default())
}

fn refusal(members: &[Member<'_>]) -> String {
    unpack(Encoding::Tar, &tar(members)).unwrap_err().to_string()
}

#[test]
fn every_shape_in_the_wild_gives_the_module() {
    let module = plugin_module();
    let plain = tar(&[file("plugin.wasm", &module)]);
    let long = format!("{}/plugin.wasm", "d".repeat(300));
    let pax = format!("{} path={long}\n", " path=\n".len() + long.len() + 3);
    let with_pax = tar(&[Member { kind: b'x', ..file("pax", pax.as_bytes()) }, file("cut", &module)]);
    let with_gnu =
        tar(&[Member { kind: b'L', ..file("././@LongLink", long.as_bytes()) }, file("cut", &module)]);
    let global = Member { kind: b'g', ..file("pax_global_header", b"13 comment=a\n") };
    let cases = [
        ("raw", Encoding::Raw, module.clone()),
        ("raw component", Encoding::Raw, component()),
        ("gzip", Encoding::TarGzip, gzip(&plain)),
        ("gzip of two members", Encoding::TarGzip, [gzip(&plain[..700]), gzip(&plain[700..])].concat()),
        ("tar", Encoding::Tar, plain.clone()),
        ("zstd", Encoding::TarZstd, zstd(&plain)),
        ("zstd of two frames", Encoding::TarZstd, [zstd(&plain[..700]), zstd(&plain[700..])].concat()),
        ("unterminated", Encoding::Tar, unterminated_tar(&[file("plugin.wasm", &module)])),
        ("dot slash", Encoding::Tar, tar(&[file("./plugin.wasm", &module)])),
        (
            "a directory before",
            Encoding::Tar,
            tar(&[special("etc/", b'5'), file("etc/plugin.wasm", &module)]),
        ),
        (
            "files around",
            Encoding::Tar,
            tar(&[file("a", b"1"), file("plugin.wasm", &module), file("b", b"2")]),
        ),
        ("pax path", Encoding::Tar, with_pax),
        ("GNU long name", Encoding::Tar, with_gnu),
        ("global header", Encoding::Tar, tar(&[global, file("plugin.wasm", &module)])),
        ("old type byte", Encoding::Tar, tar(&[Member { kind: 0, ..file("plugin.wasm", &module) }])),
    ];
    for (name, encoding, layer) in cases {
        let expected = if name == "raw component" { component() } else { module.clone() };
        assert_eq!(unpack(encoding, &layer).unwrap(), expected, "{name}");
    }
}

#[test]
fn what_agents_refuse_is_refused_in_words() {
    let module = plugin_module();
    let cases = [
        (refusal(&[]), "layer holds no `plugin.wasm`"),
        (refusal(&[file("bin/main.wasm", &module)]), "only `bin/main.wasm`; agents look for that very name"),
        (
            refusal(&[special("plugin.wasm", b'2'), file("x", &module)]),
            "is a symlink; it must be a regular file",
        ),
        (refusal(&[special("plugin.wasm", b'1')]), "is a hard link"),
        (refusal(&[special("plugin.wasm", b'3')]), "is a special file"),
        (refusal(&[special("plugin.wasm/", b'5')]), "is a directory"),
        (refusal(&[file("../plugin.wasm", &module)]), "`../plugin.wasm` has a `..` in its path"),
        (refusal(&[file("a/../../plugin.wasm", &module)]), "has a `..` in its path"),
        (refusal(&[file("plugin.wasm", b"#!/bin/sh, and more")]), "module does not begin with"),
        (refusal(&[file("plugin.wasm", b"\0asm")]), "module does not begin with"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn lying_and_broken_headers_are_refused() {
    let module = plugin_module();
    let mut unsummed = tar(&[file("plugin.wasm", &module)]);
    unsummed[0] = b'P';
    let stated = |size| Member { stated_size: Some(size), ..file("plugin.wasm", &module) };
    let pax = |records: &'static [u8]| {
        tar(&[Member { kind: b'x', ..file("pax", records) }, file("plugin.wasm", &module)])
    };
    let whole = tar(&[file("plugin.wasm", &module)]);
    let cases = [
        (unsummed, "bytes that are no tar header"),
        (tar(&[stated(2000)]), "it ends"),
        (tar(&[stated(1 << 40)]), "unpacks to more than 268435456 bytes"),
        (tar(&[stated(u64::MAX)]), "a size that is no number"),
        (
            tar(&[Member { stated_size: Some(1 << 40), ..file("a", b"") }, stated(8)]),
            "in the first 268435456",
        ),
        (pax(b"99 path=plugin.wasm\n"), "a bad pax record"),
        (pax(b"nonsense"), "a bad pax record"),
        (pax(b"20 size=18446744073709551615\n"), "a bad pax record"),
        (whole[..100].to_vec(), "it ends within a header"),
        (whole[..600].to_vec(), "bytes before the file does"),
    ];
    for (layer, expected) in cases {
        let message = unpack(Encoding::Tar, &layer).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    }
    assert!(matches!(unpack(Encoding::TarGzip, b"junk"), Err(UnpackError::Malformed { .. })));
    assert!(matches!(unpack(Encoding::TarGzip, &gzip(&whole)[..60]), Err(UnpackError::Malformed { .. })));
    assert!(matches!(unpack(Encoding::TarZstd, &gzip(&whole)), Err(UnpackError::Malformed { .. })));
}

/// A stream of `head`, then zeroes for ever: what a bomb unpacks to.
fn endless(head: Vec<u8>) -> impl Read {
    io::Cursor::new(head).chain(io::repeat(0))
}

/// Counts what was written, and keeps nothing.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn endless_content_ends_at_the_limit() {
    let limits = Limits { unpacked_bytes: 100_000, ..Limits::default() };
    let mut written = Counter::default();
    let error = extract(Encoding::Raw, endless(plugin_module()), &mut written, &limits).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { limit_bytes: 100_000 }), "{error}");
    assert!(written.0 <= 100_000);

    let huge = Member { stated_size: Some(100_001), ..file("plugin.wasm", b"\0asm\x01\0\0\0") };
    let mut written = Counter::default();
    let error =
        extract(Encoding::Tar, endless(unterminated_tar(&[huge])), &mut written, &limits).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
    assert_eq!(written.0, 0, "a size that cannot fit is refused before anything is written");
}

#[test]
fn a_gzip_bomb_ends_at_the_limit() {
    let limits = Limits { unpacked_bytes: 3 << 20, ..Limits::default() };
    let zeroes = vec![0; 8 << 20];
    let bomb = Member { stated_size: None, ..file("plugin.wasm", &zeroes) };
    let error = unpack_within(Encoding::TarGzip, &gzip(&tar(&[bomb])), &limits).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
    let beside = [file("bomb", zeroes.as_slice()), file("plugin.wasm", b"")];
    let narrow = Limits { search_bytes: 1 << 20, ..Limits::default() };
    let error = unpack_within(Encoding::TarGzip, &gzip(&tar(&beside)), &narrow).unwrap_err();
    assert!(matches!(error, UnpackError::SearchTooFar { limit_bytes: 1_048_576 }), "{error}");
}

#[test]
fn content_that_ends_at_the_limit_is_whole() {
    let module = plugin_module();
    let exactly = |bytes| Limits { unpacked_bytes: bytes, ..Limits::default() };
    let size = module.len() as u64;
    assert!(unpack_within(Encoding::Raw, &module, &exactly(size)).is_ok());
    assert!(unpack_within(Encoding::Raw, &module, &exactly(size - 1)).is_err());
    let packed = tar(&[file("plugin.wasm", &module)]);
    assert!(unpack_within(Encoding::Tar, &packed, &exactly(size + 512)).is_ok());
    assert!(unpack_within(Encoding::Tar, &packed, &exactly(size + 511)).is_err());
}

#[test]
fn names_and_records_of_gigabytes_are_never_held() {
    for kind in [b'L', b'x'] {
        for stated in [65_537, 5 << 30] {
            let greedy = Member { kind, stated_size: Some(stated), ..file("long", b"") };
            let stream = endless(unterminated_tar(&[greedy]));
            let error =
                extract(Encoding::Tar, stream, &mut Counter::default(), &Limits::default()).unwrap_err();
            assert!(
                matches!(error, UnpackError::LongExtension { size_bytes, limit_bytes: 65_536 } if size_bytes == stated),
                "{error}"
            );
        }
    }
    let longest = vec![b'n'; 65_536];
    let layer = tar(&[Member { kind: b'L', ..file("long", &longest) }, file("x", b"")]);
    assert!(matches!(unpack(Encoding::Tar, &layer), Err(UnpackError::NoPlugin { .. })));
}

#[test]
fn thousands_of_entries_are_not_searched() {
    let module = plugin_module();
    let entries = |count: usize| {
        let mut members: Vec<_> = (0..count).map(|_| file("f", b"")).collect();
        members.push(file("plugin.wasm", &module));
        tar(&members)
    };
    assert_eq!(unpack(Encoding::Tar, &entries(999)).unwrap(), module);
    let error = unpack(Encoding::Tar, &entries(1000)).unwrap_err();
    assert!(matches!(error, UnpackError::TooManyEntries { limit: 1000 }), "{error}");
}

#[test]
fn failures_below_and_above_are_told_from_bad_content() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::TimedOut.into())
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let layer = gzip(&tar(&[file("plugin.wasm", &plugin_module())]));
    let cut_by_network = layer[..40].chain(Broken);
    let error = extract(Encoding::TarGzip, cut_by_network, &mut Vec::new(), &Limits::default()).unwrap_err();
    assert!(matches!(error, UnpackError::Read(_)), "{error}");
    let error = extract(Encoding::TarGzip, layer.as_slice(), &mut Broken, &Limits::default()).unwrap_err();
    assert!(matches!(error, UnpackError::Write(_)), "{error}");
}

const ENCODINGS: [Encoding; 4] = [Encoding::Raw, Encoding::Tar, Encoding::TarGzip, Encoding::TarZstd];

/// Neither panics, nor unpacks beyond the limit.
fn survives(encoding: Encoding, layer: &[u8]) {
    let limits = Limits { unpacked_bytes: 1 << 20, zstd_window_bytes: 1 << 20, ..Limits::default() };
    let mut written = Counter::default();
    let _ = extract(encoding, layer, &mut written, &limits);
    assert!(written.0 <= limits.unpacked_bytes);
    assert!(examine(encoding, layer, &limits).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        for encoding in ENCODINGS {
            survives(encoding, &bytes);
        }
    }

    #[test]
    fn any_mutation_of_a_layer_is_survived(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let module = plugin_module();
        let packed = tar(&[Member { kind: b'x', ..file("pax", b"20 path=plugin.wasm\n") }, file("x", &module)]);
        for encoding in ENCODINGS {
            let mut layer = match encoding {
                Encoding::Raw => module.clone(),
                Encoding::Tar => packed.clone(),
                Encoding::TarGzip => gzip(&packed),
                Encoding::TarZstd => zstd(&packed),
            };
            for (at, byte) in &flips {
                let at = at.index(layer.len());
                layer[at] ^= byte;
            }
            survives(encoding, &layer);
            survives(encoding, &layer[..cut.index(layer.len())]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_module_of_any_size_comes_back_whole(tail in proptest::collection::vec(any::<u8>(), 0..200_000)) {
        let module = [b"\0asm\x01\0\0\0".as_slice(), &tail].concat();
        let packed = tar(&[file("plugin.wasm", &module)]);
        prop_assert_eq!(unpack(Encoding::TarGzip, &gzip(&packed)).unwrap(), module);
    }
}
