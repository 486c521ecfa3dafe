//! Requests put together at random from parts that mean something: none may be our fault, and none may break the server.

use crate::harness::{Image, Server, Wire, bytes_of, digest_of};

const REQUESTS: usize = 2000;

/// Picks from lists, the same way every time.
struct Dice(std::vec::IntoIter<u8>);

impl Dice {
    fn pick<'a>(&mut self, parts: &[&'a str]) -> &'a str {
        let (high, low) = (self.roll(), self.roll());
        parts[(usize::from(high) << 8 | usize::from(low)) % parts.len()]
    }

    /// Picks from words between spaces.
    fn word<'a>(&mut self, words: &'a str) -> &'a str {
        self.pick(&words.split(' ').collect::<Vec<_>>())
    }

    fn roll(&mut self) -> u8 {
        self.0.next().expect("enough dice were thrown")
    }
}

#[tokio::test]
async fn no_request_made_of_known_parts_is_our_fault() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    let upload = server.begin_upload("a").await;
    let layer = digest_of(&image.blobs[1]);
    let mut dice = Dice(bytes_of(42, REQUESTS * 64).into_iter());
    let mut wire = Wire::connect(server.address).await;
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..REQUESTS {
        if number % 10 == 0 {
            server.push("a", "v1", &image).await;
        }
        let request = request(&mut dice, &[&image.digest, &layer], &upload);
        wire.send(&request).await;
        let answer = wire.answer_to(&request).await;
        assert!(answer.status < 500, "{} to {request}", answer.status_line);
        *statuses.entry(answer.status).or_default() += 1;
        if answer.headers.get("connection").is_some_and(|connection| connection == "close") {
            wire = Wire::connect(server.address).await;
        }
    }
    for expected in [200, 201, 202, 204, 206, 304, 400, 404, 405, 416] {
        assert!(statuses.contains_key(&expected), "the dice never led to {expected}: {statuses:?}");
    }
    server.push("still", "alive", &image).await;
    assert_eq!(server.get("/v2/still/manifests/alive").await.bytes().await.unwrap(), image.bytes);
}

fn request(dice: &mut Dice, digests: &[&str; 2], upload: &str) -> String {
    let (path, methods) = target(dice, digests, upload);
    let methods = if dice.roll() < 200 { methods } else { "GET HEAD PUT POST PATCH DELETE OPTIONS" };
    let method = dice.word(methods);
    let (query, header) = (query(dice, digests), header(dice));
    let body = dice.pick(&["", "hello", "{}", "{}", "{\"schemaVersion\":2}", "[]"]);
    let length = body.len();
    format!("{method} {path}{query} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: {length}\r\n\r\n{body}")
}

/// A path, and the methods that may lead to something there.
fn target(dice: &mut Dice, digests: &[&str; 2], upload: &str) -> (String, &'static str) {
    let references = ["v1", "v1", "v2", digests[0], digests[1]];
    match dice.word("blob blob manifest manifest upload uploads list file any") {
        "blob" => (format!("/v2/a/blobs/{}", dice.pick(digests)), "GET GET HEAD DELETE"),
        "manifest" => (format!("/v2/a/manifests/{}", dice.pick(&references)), "GET GET HEAD PUT DELETE"),
        "upload" => (upload.to_owned(), "GET PATCH PATCH PUT"),
        "uploads" => ("/v2/a/blobs/uploads/".to_owned(), "POST"),
        "list" => (dice.word("/v2/a/tags/list /v2/_catalog /v2/b/tags/list").to_owned(), "GET HEAD"),
        "file" => (format!("/plugins/a/v1/{}", dice.word("plugin.wasm metadata.txt x")), "GET HEAD"),
        _ => {
            let words =
                "a a b v1 v2 blobs manifests uploads tags list referrers _catalog . .. %2F %00 %ff sha256: A";
            let path = [(); 3].map(|()| dice.word(words)).join("/");
            (format!("/v2/{path}"), "GET HEAD PUT POST")
        }
    }
}

fn query(dice: &mut Dice, digests: &[&str; 2]) -> String {
    let values = [digests[0], digests[1], "a", "0", "1", "-1", "", "%00", "%ff", "sha512", "v1", "x/y"];
    let name = dice.word("digest mount mount from n last tag artifactType digest-algorithm x");
    let value = dice.pick(&values);
    if dice.roll() < 160 { String::new() } else { format!("?{name}={value}") }
}

fn header(dice: &mut Dice) -> String {
    let (name, values) = match dice.word("Range Content-Range If-None-Match Content-Type Content-Type none") {
        "Range" => ("Range", "bytes=0-1 bytes=-1 bytes=9- bytes=0-1,3-4 bytes=500- x"),
        "Content-Range" => ("Content-Range", "0-4 5-9 0-0 x 4-0"),
        "If-None-Match" => ("If-None-Match", "* \"x\" x"),
        "Content-Type" => ("Content-Type", "a/b a/b x application/vnd.oci.image.manifest.v1+json"),
        _ => return String::new(),
    };
    format!("{name}: {}\r\n", dice.word(values))
}
