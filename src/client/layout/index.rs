use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::oci::{Descriptor, Digest, Reference, Tag, annotation, media_type};

/// The `index.json` of an OCI image layout (image-spec 1.1.1, image-layout.md): which manifests it holds, by which tags.
///
/// Fields we do not know are kept.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::client) struct ImageIndex {
    /// Everything but `manifests`.
    rest: Map<String, Value>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// What the file says, unknown fields included.
    text: Value,
    /// What we read of it.
    descriptor: Descriptor,
}

impl Entry {
    fn new(descriptor: Descriptor) -> Self {
        let text =
            serde_json::to_value(&descriptor).expect("a descriptor has text keys and no failing field");
        Self { text, descriptor }
    }

    /// The tag: some tools write a whole reference, `host/repository:tag`.
    fn tag(&self) -> Option<&str> {
        let name = self.descriptor.annotation(annotation::REF_NAME)?;
        match name.rsplit_once('/') {
            Some((_, last)) => last.split_once(':').map(|(_, tag)| tag),
            None => Some(name),
        }
    }

    fn has_tag(&self, tag: &Tag) -> bool {
        self.tag() == Some(tag.as_str())
    }
}

impl ImageIndex {
    /// An index that names nothing.
    pub(in crate::client) fn empty() -> Self {
        let rest = Map::from_iter([
            ("schemaVersion".to_owned(), json!(2)),
            ("mediaType".to_owned(), json!(media_type::OCI_INDEX)),
        ]);
        Self { rest, entries: Vec::new() }
    }

    /// Reads the file's bytes.
    pub(in crate::client) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut rest: Map<String, Value> = serde_json::from_slice(bytes)?;
        let manifests = rest.remove("manifests").unwrap_or_else(|| json!([]));
        let texts: Vec<Value> = serde_json::from_value(manifests)?;
        let read = |text: Value| Ok(Entry { descriptor: serde_json::from_value(text.clone())?, text });
        let entries = texts.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { rest, entries })
    }

    /// The file's bytes; equal indexes give equal bytes.
    pub(in crate::client) fn to_bytes(&self) -> Vec<u8> {
        let mut document = self.rest.clone();
        let texts = self.entries.iter().map(|entry| entry.text.clone()).collect();
        document.insert("manifests".to_owned(), Value::Array(texts));
        serde_json::to_vec(&document).expect("a JSON value has text keys")
    }

    /// Every descriptor, with its annotations, in file order.
    pub(in crate::client) fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().map(|entry| &entry.descriptor)
    }

    /// The descriptor that `reference` stands for.
    pub(in crate::client) fn find(&self, reference: &Reference) -> Option<&Descriptor> {
        let found = self.entries.iter().find(|entry| match reference {
            Reference::Tag(tag) => entry.has_tag(tag),
            Reference::Digest(digest) => entry.descriptor.digest == *digest,
        });
        found.map(|entry| &entry.descriptor)
    }

    /// Every well-formed tag.
    pub(in crate::client) fn tags(&self) -> BTreeSet<Tag> {
        self.entries.iter().filter_map(|entry| entry.tag()?.parse().ok()).collect()
    }

    /// The image, where the index names exactly one.
    pub(in crate::client) fn only_image(&self) -> Option<Reference> {
        let digests: BTreeSet<&Digest> = self.descriptors().map(|descriptor| &descriptor.digest).collect();
        let tags = self.tags();
        match (digests.len(), tags.len()) {
            (_, 1) => tags.into_iter().next().map(Reference::Tag),
            (1, _) => digests.into_iter().next().cloned().map(Reference::Digest),
            _ => None,
        }
    }

    /// Names `manifest` by `tags`, which leave whatever they named before; without tags it is named by its digest only.
    pub(in crate::client) fn put(&mut self, manifest: &Descriptor, tags: &[Tag]) {
        self.entries.retain(|entry| !tags.iter().any(|tag| entry.has_tag(tag)));
        for tag in tags {
            let named = manifest.clone().with_annotation(annotation::REF_NAME, tag.as_str());
            self.entries.push(Entry::new(named));
        }
        if tags.is_empty() && self.find(&Reference::Digest(manifest.digest.clone())).is_none() {
            self.entries.push(Entry::new(manifest.clone()));
        }
        let tagged = |entry: &Entry| entry.tag().is_some();
        if self.entries.iter().any(|entry| entry.descriptor.digest == manifest.digest && tagged(entry)) {
            self.entries.retain(|entry| entry.descriptor.digest != manifest.digest || tagged(entry));
        }
    }

    /// Leaves out manifests that have no tag and are children of another: they are reached through it.
    pub(in crate::client) fn drop_untagged(&mut self, children: &[Descriptor]) {
        let is_child = |digest: &Digest| children.iter().any(|child| child.digest == *digest);
        self.entries.retain(|entry| entry.tag().is_some() || !is_child(&entry.descriptor.digest));
    }

    /// Forgets a tag, or a manifest with all its tags; false where there was none.
    pub(in crate::client) fn remove(&mut self, reference: &Reference) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| match reference {
            Reference::Tag(tag) => !entry.has_tag(tag),
            Reference::Digest(digest) => entry.descriptor.digest != *digest,
        });
        self.entries.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::MediaType;

    fn manifest(content: &str) -> Descriptor {
        Descriptor::of(MediaType::known(media_type::OCI_MANIFEST), content.as_bytes())
    }

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn digest_of(index: &ImageIndex, tag_text: &str) -> Option<Digest> {
        index.find(&Reference::Tag(tag(tag_text))).map(|found| found.digest.clone())
    }

    #[test]
    fn a_tag_moves_and_a_manifest_may_have_several() {
        let (a, b) = (manifest("a"), manifest("b"));
        let mut index = ImageIndex::empty();
        index.put(&a, &[tag("1"), tag("latest")]);
        index.put(&b, &[tag("latest")]);
        assert_eq!(digest_of(&index, "1"), Some(a.digest.clone()));
        assert_eq!(digest_of(&index, "latest"), Some(b.digest.clone()));
        assert_eq!(index.only_image(), None);
        assert!(index.remove(&Reference::Digest(a.digest.clone())));
        assert!(!index.remove(&Reference::Tag(tag("1"))));
        assert_eq!(index.only_image(), Some(Reference::Tag(tag("latest"))));
    }

    #[test]
    fn a_manifest_is_listed_untagged_only_while_nothing_names_it() {
        let a = manifest("a");
        let mut index = ImageIndex::empty();
        index.put(&a, &[]);
        index.put(&a, &[]);
        assert_eq!(index.descriptors().count(), 1);
        index.put(&a, &[tag("1")]);
        assert_eq!(index.descriptors().count(), 1);
        index.put(&manifest("child"), &[]);
        index.drop_untagged(&[manifest("child"), a.clone()]);
        assert_eq!(index.descriptors().map(|found| &found.digest).collect::<Vec<_>>(), [&a.digest]);
    }

    #[test]
    fn unknown_fields_and_whole_references_survive() {
        let digest = manifest("a").digest;
        let text = format!(
            r#"{{"annotations":{{"k":"v"}},"manifests":[{{"mediaType":"{}","digest":"{digest}","size":1,
            "platform":{{"architecture":"wasm","os":"linux","os.version":"7"}},
            "annotations":{{"{}":"r.io:5000/team/a:1.0"}}}}],"schemaVersion":2,"x":1}}"#,
            media_type::OCI_MANIFEST,
            annotation::REF_NAME,
        );
        let index = ImageIndex::parse(text.as_bytes()).unwrap();
        assert_eq!(digest_of(&index, "1.0"), Some(digest));
        let expected: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&index.to_bytes()).unwrap(), expected);
        for bad in ["", "[]", r#"{"manifests":{}}"#, r#"{"manifests":[{"digest":"x"}]}"#] {
            assert!(ImageIndex::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
