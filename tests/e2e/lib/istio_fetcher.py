"""A stand-in for what pulls plugins in Istio's agent, and so in Higress's: its decisions, its requests, its cache.

    istio_fetcher.py --state DIR [--from ADDRESS] [--check] [--anew] [--policy POLICY] [--sha256 HEX] URL NAME=VERSION...

Each NAME=VERSION is an ECDS delivery: a WasmPlugin of that name and resource version names URL. For each a line is printed:
the requests that were made, as letters, and the sha256 of the module that runs then.

    P  ping of `/v2/`        M  GET of a manifest        B  GET of a layer        G  GET of a file (http URLs)        -  none

Of one that fails the line has the requests and `failed`; the reason goes to standard error, and the exit code is 1.

What the agent knows is kept in DIR. With --anew it has just been started: it has forgotten what it had in memory, and the
modules are still there as files. ADDRESS is where the connections come from: on loopback each agent can have one of its own
(127.0.0.2 and so on).

It reads a packed layer as far as it needs to, and hangs up: what those agents do. With --check it reads each to its end, and
size and digest have to be what the manifest says; those agents check that of raw layers only.

Left out: credentials, redirects, TLS, retries, and the expiry of modules after a day.
"""

import argparse
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import pathlib
import re
import socket
import ssl
import sys
import tarfile
import urllib.parse

GO_CLIENT = "Go-http-client/1.1"
OCI_CLIENT = "go-containerregistry/v0.21.6"

DOCKER = "application/vnd.docker.distribution.manifest."
DOCKER_V1 = {DOCKER + "v1+json", DOCKER + "v1+prettyjws"}
DOCKER_MANIFEST = DOCKER + "v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = (DOCKER + "list.v2+json", "application/vnd.oci.image.index.v1+json")
# In this order, and without blanks.
ACCEPT = ",".join([DOCKER + "v1+json", DOCKER + "v1+prettyjws", DOCKER_MANIFEST, OCI_MANIFEST, *INDEXES])

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
RAW_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"

MAGIC = b"\0asm"
MANIFEST_LIMIT_BYTES = 100 << 20
# How much of a packed layer is read at a time: what Go reads ahead.
READ_BYTES = 4096
# How long an attempt by TLS holds up the one without.
HEAD_START_SECONDS = 0.3
TIMEOUT_SECONDS = 30


class FetchError(Exception):
    """Why there is no module."""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Image:
    """An `oci://` URL: its host, its repository, and the tag or digest that is asked for."""

    def __init__(self, url):
        text = url.removeprefix("oci://")
        text, _, digest = text.partition("@")
        host, slash, rest = text.partition("/")
        if not slash or not re.search(r"[.:]", host):
            host, rest = "index.docker.io", text
        repository, _, tag = rest.partition(":")
        if host in ("docker.io", "index.docker.io"):
            host = "index.docker.io"
            repository = repository if "/" in repository else f"library/{repository}"
        if not re.fullmatch(r"[a-z0-9_./-]{2,255}", repository):
            raise FetchError(f"{url} is no reference")
        self.host, self.repository = host, repository
        self.reference = digest or tag or "latest"


class Cache:
    """What the agent knows: two maps, which are in memory there, and the files of modules."""

    def __init__(self, directory):
        self.maps_file, self.files = directory / "maps.json", directory / "modules"
        # By module name, then by checksum, the path of the file.
        self.modules = {}
        # By full URL, the checksum that it stands for, and in which version each resource was last delivered.
        self.tags = {}
        if self.maps_file.exists():
            self.modules, self.tags = json.loads(self.maps_file.read_text())

    def save(self):
        self.maps_file.parent.mkdir(parents=True, exist_ok=True)
        self.maps_file.write_text(json.dumps([self.modules, self.tags]))

    def forget(self):
        self.modules, self.tags = {}, {}

    def find(self, name, checksum):
        return self.modules.get(name, {}).get(checksum)

    def add(self, name, checksum, module):
        directory = self.files / sha256(name.encode())
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{checksum}.wasm"
        path.write_bytes(module)
        self.modules.setdefault(name, {})[checksum] = str(path)
        return str(path)

    def refresh(self, delivery, checksum):
        """What a URL stands for; one with a digest stands for itself."""
        if delivery.image and "@" in delivery.url:
            return
        entry = self.tags.setdefault(delivery.url, {"versions": {}})
        entry["checksum"] = checksum
        entry["versions"][delivery.resource] = delivery.version


class Delivery:
    def __init__(self, arguments, resource, version):
        self.url, self.resource, self.version = arguments.url, resource, version
        # A word that agents do not know counts as none for them.
        self.policy = arguments.policy
        # Old control planes write `nil` for none.
        self.sha256 = "" if arguments.sha256 == "nil" else arguments.sha256
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("oci", "http"):
            raise FetchError(f"unsupported scheme in {self.url}")
        self.parts = parts
        self.image = Image(self.url) if parts.scheme == "oci" else None

    def module_name(self):
        return f"oci://{self.image.host}/{self.image.repository}" if self.image else self.url

    def pinned(self):
        """The checksum that it has to be, whatever the URL stands for."""
        in_url = re.search(r"@sha256:([0-9a-f]{64})$", self.url) if self.image else None
        return self.sha256 or (in_url and in_url[1])

    def ignores_version(self):
        if self.policy in ("Always", "IfNotPresent"):
            return self.policy == "IfNotPresent"
        # Of a URL without tag `latest` is pulled, and yet it does not end so.
        return not (self.image and self.parts.path.endswith(":latest"))


class Agent:
    def __init__(self, cache, address, checks_layers):
        self.cache, self.address, self.checks_layers = cache, address, checks_layers
        self.requests = ""

    def deliver(self, delivery):
        """The file of the module that runs then."""
        name = delivery.module_name()
        wanted = delivery.pinned() or self.remembered(delivery)
        if wanted and (path := self.cache.find(name, wanted)):
            self.cache.refresh(delivery, wanted)
            return path
        if delivery.image:
            return self.fetch_image(delivery, name, wanted)
        return self.fetch_file(delivery, name, wanted)

    def remembered(self, delivery):
        """What the URL stood for, if that is to count. The version is taken down before anything is fetched: a pull that
        fails is not tried again for it."""
        entry = self.cache.tags.get(delivery.url)
        if entry is None:
            return None
        recorded = entry["versions"].get(delivery.resource, "")
        entry["versions"][delivery.resource] = delivery.version
        return entry["checksum"] if delivery.ignores_version() or recorded == delivery.version else None

    def fetch_image(self, delivery, name, wanted):
        with self.connection(delivery.image.host, tries_tls=True) as connection:
            self.ping(connection)
            manifest, checksum = self.manifest(connection, delivery.image)
            if path := self.adopt(delivery, name, (wanted, checksum)):
                return path
            module = self.module(connection, delivery.image, manifest)
        return self.keep(delivery, name, (checksum, module))

    def fetch_file(self, delivery, name, wanted):
        with self.connection(delivery.parts.netloc) as connection:
            answer = self.get(connection, "G", delivery.parts.path, {"User-Agent": GO_CLIENT})
            module = unpacked(body_of(answer).read())
        if path := self.adopt(delivery, name, (wanted, sha256(module))):
            return path
        return self.keep(delivery, name, (sha256(module), module))

    def adopt(self, delivery, name, checksums):
        """Where nothing was wanted in particular, what was found may be there already."""
        wanted, found = checksums
        if wanted and wanted != found:
            raise FetchError(f"the checksum is {found}, not {wanted}")
        path = self.cache.find(name, found)
        if path:
            self.cache.refresh(delivery, found)
        return path

    def keep(self, delivery, name, fetched):
        checksum, module = fetched
        if len(module) < 8 or not module.startswith(MAGIC):
            raise FetchError("what came is no module")
        path = self.cache.add(name, checksum, module)
        self.cache.refresh(delivery, checksum)
        return path

    @contextlib.contextmanager
    def connection(self, host, *, tries_tls=False):
        """A new one for each pull. Of images TLS is tried first, and the servers here speak plain http."""
        name, _, port = host.partition(":")
        connection = http.client.HTTPConnection(
            name, int(port or 80), timeout=TIMEOUT_SECONDS, source_address=(self.address, 0)
        )
        try:
            if tries_tls:
                self.try_tls(name, int(port or 443))
            yield connection
        finally:
            connection.close()

    def try_tls(self, name, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(OSError):
            plain = socket.create_connection((name, port), HEAD_START_SECONDS, source_address=(self.address, 0))
            with plain, context.wrap_socket(plain, server_hostname=name):
                raise FetchError(f"{name}:{port} speaks TLS, and this does not")

    def ping(self, connection):
        answer = self.get(connection, "P", "/v2/", {"User-Agent": GO_CLIENT}, {200, 401})
        body = answer.read()
        if answer.status == 401:
            raise FetchError(f"the registry wants credentials: {body!r}")

    def manifest(self, connection, image):
        """The manifest of the image, or of the child for linux/amd64, and its checksum."""
        kind, body = self.manifest_body(connection, image, (image.reference, ACCEPT))
        if kind in DOCKER_V1:
            raise FetchError("this is a manifest of Docker's first schema")
        if kind not in INDEXES:
            return json.loads(body), sha256(body)
        child = first_for_linux(json.loads(body)["manifests"])
        _, body = self.manifest_body(connection, image, (child["digest"], child["mediaType"]))
        check("a child manifest", body, child)
        return json.loads(body), sha256(body)

    def manifest_body(self, connection, image, wanted):
        reference, accept = wanted
        path = f"/v2/{image.repository}/manifests/{reference}"
        answer = self.get(connection, "M", path, {"User-Agent": OCI_CLIENT, "Accept": accept})
        body = body_of(answer).read(MANIFEST_LIMIT_BYTES)
        if reference.startswith("sha256:") and reference != f"sha256:{sha256(body)}":
            raise FetchError(f"the manifest {reference} has another digest")
        return answer.headers["Content-Type"], body

    def module(self, connection, image, manifest):
        layer, is_packed = module_layer(manifest)
        path = f"/v2/{image.repository}/blobs/{layer['digest']}"
        answer = self.get(connection, "B", path, {"User-Agent": OCI_CLIENT})
        body, length = body_of(answer), answer.headers["Content-Length"]
        if body is answer and length is not None and int(length) != layer["size"]:
            raise FetchError(f"the layer has {length} bytes, not {layer['size']}")
        if is_packed and not self.checks_layers:
            return extract(body)
        content = body.read()
        check("a layer", content, layer)
        return extract(io.BytesIO(content)) if is_packed else content

    def get(self, connection, letter, path, headers, expected=frozenset({200})):
        self.requests += letter
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        port = "" if connection.port == 80 else f":{connection.port}"
        for name, value in {"Host": f"{connection.host}{port}", **headers, "Accept-Encoding": "gzip"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        if answer.status not in expected:
            raise FetchError(f"GET {path} answers {answer.status}: {answer.read(1000)!r}")
        return answer


def body_of(answer):
    """Go's client unpacks what is packed for the way, as all its requests allow."""
    return gzip.GzipFile(fileobj=answer) if answer.headers["Content-Encoding"] == "gzip" else answer


def first_for_linux(children):
    for child in children:
        platform = child.get("platform", {"os": "linux", "architecture": "amd64"})
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return child
    raise FetchError("no child is for linux/amd64")


def module_layer(manifest):
    """The layer that has the module, and whether it is an archive."""
    layers = manifest.get("layers", [])
    last = layers[-1] if layers else {"mediaType": "none"}
    if manifest.get("mediaType") == DOCKER_MANIFEST:
        if last["mediaType"] == DOCKER_LAYER:
            return last, True
        raise FetchError(f"the last layer is of type {last['mediaType']}")
    if last["mediaType"] == OCI_LAYER:
        return last, True
    raw = [layer for layer in layers if layer["mediaType"] == RAW_LAYER]
    if len(layers) == 2 and raw:
        return raw[0], False
    raise FetchError(f"the last layer is of type {last['mediaType']}, and these are no two with a module")


def extract(stream):
    """The first `plugin.wasm` of an archive, in whatever directory. Nothing behind it is read."""
    with tarfile.open(fileobj=stream, mode="r|gz", bufsize=READ_BYTES) as archive:
        for entry in archive:
            if pathlib.PurePosixPath(entry.name).name == "plugin.wasm":
                return archive.extractfile(entry).read()
    raise FetchError("there is no plugin.wasm in the layer")


def unpacked(body):
    """The module within a file, which may be packed, or the first file of an archive."""
    while not body.startswith(MAGIC):
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        elif body[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                body = archive.extractfile(archive.next()).read()
        else:
            break
    return body


def check(what, content, descriptor):
    found = (len(content), f"sha256:{sha256(content)}")
    if found != (descriptor["size"], descriptor["digest"]):
        raise FetchError(f"{what} has {found[0]} bytes and the digest {found[1]}, which is not {descriptor}")


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=pathlib.Path, required=True)
    parser.add_argument("--from", dest="address", default="127.0.0.1")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--policy", default="")
    parser.add_argument("--sha256", default="")
    parser.add_argument("url")
    parser.add_argument("resources", nargs="+")
    return parser.parse_args()


def deliver(arguments, cache, named):
    """Whether it went well."""
    agent, outcome = Agent(cache, arguments.address, arguments.check), "failed"
    resource, _, version = named.partition("=")
    try:
        path = agent.deliver(Delivery(arguments, resource, version))
        outcome = sha256(pathlib.Path(path).read_bytes())
    except (FetchError, OSError, http.client.HTTPException, ValueError, EOFError, tarfile.TarError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    cache.save()
    print(agent.requests or "-", outcome)
    return outcome != "failed"


def main():
    arguments = parsed()
    cache = Cache(arguments.state)
    if arguments.anew:
        cache.forget()
    went_well = [deliver(arguments, cache, named) for named in arguments.resources]
    return 0 if all(went_well) else 1


sys.exit(main())
