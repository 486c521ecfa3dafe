//! Many clients at once: what was acknowledged is read back, and whatever is read is whole.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Footprint, Image, Refusal, Server, Wire, bytes_of, digest_of, eventually, header_text};
use futures_util::future::join_all;
use reqwest::header;

const HEAD: &str = "HTTP/1.1\r\nHost: registry\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_blob_pushed_by_sixteen_clients_is_stored_once() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 500_000);
    let repository = |client: usize| format!("team-{}", client % 4);
    join_all((0..16).map(|client| {
        let (server, bytes, repository) = (&server, &bytes, repository(client));
        async move {
            if client % 2 == 0 {
                server.push_blob(&repository, bytes).await;
            } else {
                let location = server.begin_upload(&repository).await;
                assert_eq!(server.patch_at(&location, 0, &bytes[..200_000]).await.status(), 202);
                let target = format!("{location}?digest={}", digest_of(bytes));
                assert_eq!(server.put(&target, bytes[200_000..].to_vec()).await.status(), 201);
            }
        }
    }))
    .await;
    for client in 0..4 {
        let path = format!("/v2/{}/blobs/{}", repository(client), digest_of(&bytes));
        assert!(server.get(&path).await.bytes().await.unwrap() == bytes, "{path}");
    }
    let footprint = Footprint::of(server.data_dir()).await;
    assert_eq!((footprint.blob_files(), footprint.upload_files()), (1, 0));
    assert_eq!((footprint.rows["blobs"], footprint.rows["repository_blobs"]), (1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_many_move_always_names_a_whole_manifest_and_in_the_end_the_last() {
    const WRITERS: u64 = 6;
    const MOVES: u64 = 8;
    let server = Arc::new(Server::start().await);
    let first = Image::new(0);
    server.push("a", "v1", &first).await;
    server.push_blob("a", b"{}").await;
    let image = |seed: u64| {
        Image::with(0, |manifest| manifest["annotations"] = serde_json::json!({ "n": seed.to_string() }))
    };
    let known: HashSet<_> =
        (0..WRITERS * MOVES).map(|seed| image(seed).digest).chain([first.digest.clone()]).collect();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(read_until(Arc::clone(&server), Arc::clone(&done), known.clone())))
        .collect();
    join_all((0..WRITERS).map(|writer| {
        let server = &server;
        async move {
            for step in 0..MOVES {
                server.push_manifest("a", "v1", &image(writer * MOVES + step)).await;
            }
        }
    }))
    .await;
    // One writer alone: each acknowledged move is seen by the very next read, while others read too.
    for seed in 0..20 {
        let moved = image(seed);
        server.push_manifest("a", "v1", &moved).await;
        assert_eq!(server.get("/v2/a/manifests/v1").await.bytes().await.unwrap(), moved.bytes);
    }
    done.store(true, Ordering::Relaxed);
    let reads: u64 = join_all(readers).await.into_iter().map(Result::unwrap).sum();
    assert!(reads > 50, "only {reads} reads");
    let history =
        server.registry.tag_history(&"a".parse().unwrap(), &"v1".parse().unwrap(), 1).await.unwrap();
    assert_eq!(history[0].digest.as_ref().unwrap().to_string(), image(19).digest);
}

/// Reads the tag again and again; how often.
async fn read_until(server: Arc<Server>, done: Arc<AtomicBool>, known: HashSet<String>) -> u64 {
    let mut reads = 0;
    while !done.load(Ordering::Relaxed) {
        let response = server.get("/v2/a/manifests/v1").await;
        assert_eq!(response.status(), 200);
        let named = header_text(&response, "docker-content-digest").to_owned();
        assert_eq!(digest_of(&response.bytes().await.expect("a whole body")), named);
        assert!(known.contains(&named));
        reads += 1;
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_deleted_and_pushed_at_once_is_whole_or_gone() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 50_000);
    let path = format!("/v2/a/blobs/{}", digest_of(&bytes));
    let pushing = async {
        for _ in 0..40 {
            server.push_blob("a", &bytes).await;
        }
    };
    let deleting = async {
        for _ in 0..80 {
            let status = server.delete(&path).await.status();
            assert!(status == 202 || status == 404, "{status}");
        }
    };
    let reading = async {
        for _ in 0..200 {
            let response = server.get(&path).await;
            match response.status().as_u16() {
                200 => assert!(response.bytes().await.unwrap() == bytes),
                404 => {}
                status => panic!("{status}: {}", response.text().await.unwrap()),
            }
        }
    };
    tokio::join!(pushing, deleting, reading);
    server.push_blob("a", &bytes).await;
    assert!(server.get(&path).await.bytes().await.unwrap() == bytes);
    assert_eq!(server.delete(&path).await.status(), 202);
    assert_eq!(server.get(&path).await.status(), 404);
    assert_eq!(Footprint::of(server.data_dir()).await.files, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_manifest_had_its_blobs_whoever_deleted_them_meanwhile() {
    let server = Server::start().await;
    let image = Image::new(1);
    let layer = format!("/v2/a/blobs/{}", digest_of(&image.blobs[1]));
    server.push("a", "v0", &image).await;
    let pushing = async {
        for _ in 0..30 {
            let pushed =
                server.put_manifest("/v2/a/manifests/v1", &image.media_type, image.bytes.clone()).await;
            let status = pushed.status().as_u16();
            assert!(status == 201 || status == 400, "{status}");
        }
    };
    let swapping = async {
        for _ in 0..30 {
            assert_eq!(server.delete(&layer).await.status(), 202);
            server.push_blob("a", &image.blobs[1]).await;
        }
    };
    tokio::join!(pushing, swapping);
    server.push("a", "v1", &image).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_many_begin_at_once_begins_once() {
    let server = Server::start().await;
    let image = Image::new(1);
    join_all((0..16).map(|number| {
        let (server, image) = (&server, &image);
        async move { server.push("new/repository", &format!("v{number}"), image).await }
    }))
    .await;
    assert_eq!(server.json("/v2/_catalog").await["repositories"], serde_json::json!(["new/repository"]));
    assert_eq!(server.json("/v2/new/repository/tags/list").await["tags"].as_array().unwrap().len(), 16);
    assert_eq!(Footprint::of(server.data_dir()).await.rows["manifests"], 1);
}

/// Begins a chunk of `promised` bytes, sends these, and waits until they have arrived.
async fn stuck_patch(server: &Server, location: &str, sent: &[u8], promised: usize) -> Wire {
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("PATCH {location} {HEAD}Content-Length: {promised}\r\n\r\n")).await;
    wire.send(sent).await;
    let expected = format!("0-{}", sent.len() - 1);
    eventually("the bytes arrived", || async {
        header_text(&server.get(location).await, "range") == expected
    })
    .await;
    wire
}

#[tokio::test]
async fn of_two_requests_on_one_session_the_later_wins() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 3000);
    let location = server.begin_upload("a").await;
    let mut former = stuck_patch(&server, &location, &bytes[..1000], 3000).await;
    let response = server.patch_at(&location, 1000, &bytes[1000..]).await;
    assert_eq!(response.status(), 202);
    assert_eq!(header_text(&response, "range"), "0-2999");
    let answer = former.answer().await;
    assert_eq!(answer.status, 409, "the former request is told");
    let refusal = Refusal::from_body(409, &serde_json::from_slice(&answer.body).unwrap());
    refusal.says(409, "BLOB_UPLOAD_INVALID", "a later request took this upload over", "the former");
    // What the former still sends changes nothing.
    former.send(&bytes[..500]).await;
    let done = server.put(&format!("{location}?digest={}", digest_of(&bytes)), "").await;
    assert_eq!(done.status(), 201);
}

#[tokio::test]
async fn a_cancel_ends_the_request_that_writes() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let location = server.begin_upload("a").await;
    let mut writing = stuck_patch(&server, &location, b"hello", 1000).await;
    assert_eq!(server.delete(&location).await.status(), 204);
    assert_eq!(writing.answer().await.status, 409);
    assert_eq!(server.get(&location).await.status(), 404);
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_closing_requests_one_succeeds_and_the_others_are_told() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 200_000);
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, &bytes).await.status(), 202);
    let target = format!("{location}?digest={}", digest_of(&bytes));
    let statuses: Vec<_> = join_all((0..8).map(|_| server.put(&target, "")))
        .await
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 404 | 409)), "{statuses:?}");
    let blob = server.get(&format!("/v2/a/blobs/{}", digest_of(&bytes))).await;
    assert!(blob.bytes().await.unwrap() == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_sent_at_once_never_mix() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 100_000);
    let location = server.begin_upload("a").await;
    // Every client sends the same first chunk; exactly one finds the place still free, or later ones take over.
    let answers = join_all((0..8).map(|_| server.patch_at(&location, 0, &bytes[..50_000]))).await;
    for answer in &answers {
        assert!(matches!(answer.status().as_u16(), 202 | 409 | 416), "{}", answer.status());
    }
    let range = header_text(&server.get(&location).await, "range").to_owned();
    let arrived: usize = range.trim_start_matches("0-").parse::<usize>().unwrap() + 1;
    assert_eq!(server.patch_at(&location, arrived, &bytes[arrived..]).await.status(), 202);
    let done = server.put(&format!("{location}?digest={}", digest_of(&bytes)), "").await;
    assert_eq!(done.status(), 201, "{range}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_stay_in_order_while_tags_come_and_go() {
    let server = Server::start().await;
    let image = Image::new(1);
    for tag in ["a", "m", "z"] {
        server.push("a", tag, &image).await;
    }
    let changing = async {
        for number in 0..20 {
            server.push_manifest("a", &format!("n{number:02}"), &image).await;
            assert_eq!(server.delete(&format!("/v2/a/manifests/n{number:02}")).await.status(), 202);
        }
    };
    let listing = async {
        for _ in 0..20 {
            let pages = server.pages("/v2/a/tags/list?n=2").await;
            let tags: Vec<_> =
                pages.iter().flat_map(|page| page["tags"].as_array().unwrap().clone()).collect();
            let tags: Vec<_> = tags.iter().map(|tag| tag.as_str().unwrap()).collect();
            assert!(tags.is_sorted(), "{tags:?}");
            for stays in ["a", "m", "z"] {
                assert!(tags.contains(&stays), "{tags:?}");
            }
        }
    };
    tokio::join!(changing, listing);
}

#[tokio::test]
async fn a_download_goes_on_though_its_blob_is_deleted() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 16 << 20);
    let digest = server.push_blob("a", &bytes).await;
    let path = format!("/v2/a/blobs/{digest}");
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET {path} {HEAD}Connection: close\r\n\r\n")).await;
    let mut received = wire.read(10_000).await;
    assert_eq!(server.delete(&path).await.status(), 202);
    let again = server.request(reqwest::Method::GET, &path).header(header::RANGE, "bytes=0-0");
    assert_eq!(again.send().await.unwrap().status(), 404);
    received.extend(wire.rest().await);
    assert!(received.ends_with(&bytes));
}
