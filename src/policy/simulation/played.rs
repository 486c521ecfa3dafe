use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::oci::Digest;
use crate::plugin::{ModuleSource, ModuleUrl};
use crate::policy::decision::{
    Action, Arrival, Change, Decision, Failure, Flavour, Knowledge, ModuleKey, Moment, Pull,
};

use super::{Endpoint, FakeImage, FakeRegistry, Outcome, Running, Step};

/// An agent of a flavour, with a registry and a gateway.
#[derive(Clone, Debug)]
pub struct Simulation {
    flavour: Flavour,
    known: Knowledge,
    registry: FakeRegistry,
    now: SystemTime,
    running: BTreeMap<String, Running>,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A resource is delivered.
    Deliver(Pull),
    /// A URL leads to another image from now on: a tag is pushed or moved, a file replaced.
    Serve(ModuleUrl, FakeImage),
    /// The servers fail at something, or at nothing any more.
    Fail(Option<Endpoint>),
    /// Time passes, and the cache is swept afterwards.
    Pass(Duration),
    /// The agent starts anew, and its gateway with it.
    Restart,
    /// A resource is removed.
    Release(String),
}

/// A delivery while it is pulled.
struct Errand<'a> {
    pull: &'a Pull,
    requests: String,
}

impl Simulation {
    /// An agent that has just started for the first time.
    pub fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            known: Knowledge::default(),
            registry: FakeRegistry::default(),
            now: SystemTime::UNIX_EPOCH,
            running: BTreeMap::new(),
        }
    }

    /// What the agent knows.
    pub fn known(&self) -> &Knowledge {
        &self.known
    }

    /// The registry.
    pub fn registry(&self) -> &FakeRegistry {
        &self.registry
    }

    /// Lets it happen; a delivery has something to tell.
    pub fn run(&mut self, event: Event) -> Option<Step> {
        match event {
            Event::Deliver(pull) => return Some(self.deliver(&pull)),
            Event::Serve(url, image) => self.registry.serve(&url, image),
            Event::Fail(endpoint) => self.registry.fail(endpoint),
            Event::Pass(time) => self.pass(time),
            Event::Restart => {
                self.known = std::mem::take(&mut self.known).after_restart(self.flavour);
                self.running.clear();
            }
            Event::Release(resource) => {
                self.running.remove(&resource);
                self.known.apply(Change::Released { resource });
            }
        }
        None
    }

    /// Delivers a resource.
    pub fn deliver(&mut self, pull: &Pull) -> Step {
        let Decision { action, reason, changes } = self.moment().decide(pull);
        self.known.apply_all(changes);
        let mut errand = Errand { pull, requests: String::new() };
        let (outcome, running) = match action {
            Action::Local => (Outcome::Local, Some(Running::File)),
            Action::Hit { content, .. } => (Outcome::Hit, Some(Running::Module(content))),
            Action::Refuse => (Outcome::Refused, None),
            Action::Resolve => self.fetch(&mut errand, None),
            Action::Fetch { expects } => self.fetch(&mut errand, expects.as_ref()),
        };
        let running = running.unwrap_or_else(|| self.after_failure(&pull.resource));
        self.running.insert(pull.resource.clone(), running.clone());
        Step { requests: errand.requests, reason, outcome, running }
    }

    fn moment(&self) -> Moment<'_> {
        Moment { flavour: self.flavour, known: &self.known, now: self.now }
    }

    fn pass(&mut self, time: Duration) {
        // Time stands still at the end of what the clock can tell.
        self.now = self.now.checked_add(time).unwrap_or(self.now);
        let changes = self.moment().sweep(Moment::EXPIRY);
        self.known.apply_all(changes);
    }

    /// Asks for what the URL leads to; no `Running` stands for a failure.
    fn fetch(&mut self, errand: &mut Errand<'_>, expects: Option<&Digest>) -> (Outcome, Option<Running>) {
        match self.pull(errand, expects) {
            Ok((outcome, content)) => (outcome, Some(Running::Module(content))),
            Err(outcome) => (outcome, None),
        }
    }

    fn pull(
        &mut self,
        errand: &mut Errand<'_>,
        expects: Option<&Digest>,
    ) -> Result<(Outcome, Digest), Outcome> {
        let image = self.look_up(errand)?;
        let pull = errand.pull;
        match self.moment().arrived(pull, expects, &image.found(&pull.url)) {
            Arrival::Present { content, changes, .. } => {
                self.known.apply_all(changes);
                Ok((Outcome::Unchanged, content))
            }
            Arrival::Wanted { key } => self.download(errand, &key, image.content),
            Arrival::Mismatch { expected, found } => Err(Outcome::Mismatch { expected, found }),
        }
    }

    /// Everything up to the digest: ping and manifests, or the whole file.
    fn look_up(&self, errand: &mut Errand<'_>) -> Result<FakeImage, Outcome> {
        let image = self.registry.find(&errand.pull.url).cloned();
        match errand.pull.url.source() {
            ModuleSource::Oci(_) => {
                self.request(errand, Endpoint::Ping)?;
                self.request(errand, Endpoint::Manifest)?;
                let image = image.ok_or(Outcome::NotFound)?;
                // An index leads to the manifest, unless the digest in the URL led there at once.
                if image.index.is_some() && errand.pull.url.digest() != Some(&image.manifest) {
                    self.request(errand, Endpoint::Manifest)?;
                }
                Ok(image)
            }
            ModuleSource::Http(_) | ModuleSource::File(_) => {
                self.get(errand)?;
                image.ok_or(Outcome::NotFound)
            }
        }
    }

    fn download(
        &mut self,
        errand: &mut Errand<'_>,
        key: &ModuleKey,
        content: Digest,
    ) -> Result<(Outcome, Digest), Outcome> {
        if errand.pull.url.image().is_some() {
            self.request(errand, Endpoint::Blob)?;
        }
        let changes = self.moment().stored(errand.pull, key, content.clone());
        self.known.apply_all(changes);
        Ok((Outcome::Downloaded, content))
    }

    /// One request to a registry, and those that repeat it.
    fn request(&self, errand: &mut Errand<'_>, endpoint: Endpoint) -> Result<(), Outcome> {
        let letter = match endpoint {
            Endpoint::Ping => "P",
            Endpoint::Manifest => "M",
            Endpoint::Blob => "B",
        };
        if self.registry.fails(endpoint) {
            errand.requests += &letter.repeat(self.flavour.attempts().oci);
            return Err(Outcome::Failed(endpoint));
        }
        errand.requests += letter;
        Ok(())
    }

    /// The request to a web server, and those that repeat it.
    fn get(&self, errand: &mut Errand<'_>) -> Result<(), Outcome> {
        if self.registry.is_up() {
            errand.requests += "G";
            return Ok(());
        }
        errand.requests += &"G".repeat(self.flavour.attempts().http);
        Err(Outcome::Failed(Endpoint::Blob))
    }

    fn after_failure(&self, resource: &str) -> Running {
        let before = self.running.get(resource).cloned();
        match (self.flavour.failure(), before) {
            (Failure::StandIn | Failure::PolicyRefused, _) | (Failure::LastGood, None) => Running::StandIn,
            (Failure::Nack | Failure::LastGood, Some(before)) => before,
            (Failure::Nack, None) => Running::Nothing,
        }
    }
}
