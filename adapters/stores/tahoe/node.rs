//! What the gateway tells of a file or directory.

use std::{fmt, string::String, vec::Vec};

use serde_json::{Map, Value, json};

use super::cap::Cap;
use crate::{
    storage::{EntryKind, Metadata, Permissions},
    time_value::TimeValue,
};

/// Where the time is that `MFMT` has set, in seconds since 1970, as other programs have it there.
const MODIFIED: &str = "mtime";
/// For which content that time was set. A program that replaces the file and knows nothing of the time leaves it as it was.
const MODIFIED_OF: &str = "sansftp:mtime-of";

/// The entry of a directory.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// The right to change it, of a directory or mutable file.
    pub(super) write_cap: Option<Cap>,
    /// The right to read it.
    pub(super) read_cap: Option<Cap>,
    /// What users and programs have noted about it.
    metadata: Map<String, Value>,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Directory,
    /// A file whose content never changes: another one would have another capability.
    Immutable {
        size: u64,
    },
    /// A file whose content changes in place, and whose size nobody knows before it is read.
    Mutable,
    /// Something that this version of the gateway does not know.
    Unknown,
}

impl Node {
    /// From a pair of the gateway's JSON, such as `["filenode", {"size": 5, ...}]`; `None` if it is none.
    pub(super) fn from_json(value: Value) -> Option<Self> {
        let Value::Array(pair) = value else { return None };
        let Ok([Value::String(kind), Value::Object(mut properties)]) = <[Value; 2]>::try_from(pair) else {
            return None;
        };
        let cap = |name: &str| properties.get(name).and_then(Value::as_str).and_then(Cap::parse);
        let (write_cap, read_cap) = (cap("rw_uri"), cap("ro_uri"));
        let is_mutable = properties.get("mutable").and_then(Value::as_bool).unwrap_or(false);
        let size = properties.get("size").and_then(Value::as_u64);
        let kind = match (kind.as_str(), size) {
            ("dirnode", _) => NodeKind::Directory,
            ("filenode", _) if is_mutable => NodeKind::Mutable,
            ("filenode", Some(size)) => NodeKind::Immutable { size },
            _ => NodeKind::Unknown,
        };
        let metadata = match properties.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        Some(Self { kind, write_cap, read_cap, metadata })
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == NodeKind::Directory
    }

    /// What is told of it to a client that may change something, or may not.
    pub(super) fn describe(&self, may_change: bool) -> Metadata {
        let (kind, size, is_writable) = match self.kind {
            NodeKind::Directory => (EntryKind::Directory, 0, may_change && self.write_cap.is_some()),
            NodeKind::Immutable { size } => (EntryKind::File, size, may_change),
            NodeKind::Mutable => (EntryKind::File, 0, false),
            NodeKind::Unknown => (EntryKind::Other, 0, may_change),
        };
        let permissions = if is_writable { Permissions::all(kind) } else { Permissions::read_only(kind) };
        Metadata { kind, size, modified: self.modified(), permissions, unix: None, unique: None }
    }

    /// The time that was set for this content, else when the entry was last changed.
    fn modified(&self) -> Option<TimeValue> {
        let seconds = |map: &Map<String, Value>, name| map.get(name).and_then(Value::as_f64);
        let is_of_this = self.metadata.get(MODIFIED_OF).and_then(Value::as_str) == Some(self.content_id());
        let set = seconds(&self.metadata, MODIFIED);
        let linked = self.metadata.get("tahoe").and_then(Value::as_object);
        let linked = linked.and_then(|times| seconds(times, "linkmotime"));
        set.filter(|_| is_of_this).or(linked).or(set).and_then(time_from_seconds)
    }

    /// What another content would have another one of. It is in the directory anyhow.
    fn content_id(&self) -> &str {
        self.read_cap.as_ref().map_or("", Cap::expose)
    }

    /// The same entry with another time.
    pub(super) fn with_modified(mut self, modified: TimeValue) -> Self {
        let of = self.content_id().into();
        self.metadata.insert(MODIFIED_OF.into(), Value::String(of));
        self.metadata.insert(MODIFIED.into(), json!(seconds_from_time(modified)));
        self
    }

    /// As the gateway takes it to make an entry of it.
    pub(super) fn to_json(&self) -> Value {
        let kind = if self.is_directory() { "dirnode" } else { "filenode" };
        entry_json(kind, self.write_cap.as_ref(), self.read_cap.as_ref(), &self.metadata)
    }

    /// The entry of a file that has just been uploaded. What was noted about the former file is not said of it.
    pub(super) fn json_of_new_file(read_cap: &Cap) -> Value {
        entry_json("filenode", None, Some(read_cap), &Map::new())
    }

    /// Whether it is the very same directory or file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.read_cap.is_some() && self.read_cap == other.read_cap
    }
}

/// Shows nothing of the capabilities, one of which may be among the metadata.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn entry_json(
    kind: &str,
    write_cap: Option<&Cap>,
    read_cap: Option<&Cap>,
    metadata: &Map<String, Value>,
) -> Value {
    let mut properties = Map::new();
    for (name, cap) in [("rw_uri", write_cap), ("ro_uri", read_cap)] {
        if let Some(cap) = cap {
            properties.insert(name.into(), cap.expose().into());
        }
    }
    properties.insert("metadata".into(), metadata.clone().into());
    Value::Array(Vec::from([kind.into(), properties.into()]))
}

/// To the microsecond, which is as much as such a number has today.
#[allow(clippy::cast_possible_truncation, reason = "a float saturates")]
fn time_from_seconds(seconds: f64) -> Option<TimeValue> {
    if !seconds.is_finite() {
        return None;
    }
    let microseconds = (seconds * 1e6).round() as i64;
    let nanoseconds = u32::try_from(microseconds.rem_euclid(1_000_000)).ok()? * 1000;
    Some(TimeValue::from_unix(microseconds.div_euclid(1_000_000), nanoseconds))
}

#[allow(clippy::cast_precision_loss, reason = "exact for 285 million years")]
fn seconds_from_time(time: TimeValue) -> f64 {
    time.unix_seconds() as f64 + f64::from(time.subsec_nanoseconds()) / 1e9
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn file(metadata: Value) -> Node {
        Node::from_json(json!(["filenode", {
            "mutable": false, "format": "CHK", "size": 2000, "metadata": metadata, "ro_uri": "URI:CHK:a:b:2:4:2000",
        }]))
        .unwrap()
    }

    #[test]
    fn a_file_has_a_size_and_the_time_of_its_link() {
        let node = file(json!({"tahoe": {"linkcrtime": 5.0, "linkmotime": 1_795_647_448.231_282}}));
        let metadata = node.describe(true);
        assert_eq!((metadata.kind, metadata.size), (EntryKind::File, 2000));
        assert_eq!(metadata.modified, Some(TimeValue::from_unix(1_795_647_448, 231_282_000)));
        assert_eq!(metadata.permissions, Permissions::all(EntryKind::File));
        assert_eq!(node.describe(false).permissions, Permissions::read_only(EntryKind::File));
    }

    #[test]
    fn directories_and_what_cannot_be_changed_or_known() {
        let directory = Node::from_json(
            json!(["dirnode", {"mutable": true, "rw_uri": "URI:DIR2:a:b", "ro_uri": "URI:DIR2-RO:c:b"}]),
        )
        .unwrap();
        assert!(directory.is_directory() && directory.write_cap.is_some());
        assert_eq!(directory.describe(true).permissions, Permissions::all(EntryKind::Directory));
        assert_eq!(directory.describe(false).permissions, Permissions::read_only(EntryKind::Directory));
        assert_eq!(directory.describe(false).modified, None);

        let mutable =
            Node::from_json(json!(["filenode", {"mutable": true, "size": "?", "ro_uri": "URI:SSK-RO:a:b"}]));
        assert_eq!(mutable.unwrap().kind, NodeKind::Mutable);
        let unknown = Node::from_json(json!(["unknown", {"ro_uri": "ro.future"}])).unwrap();
        assert_eq!((unknown.kind, unknown.describe(true).kind), (NodeKind::Unknown, EntryKind::Other));
        for other in [json!(null), json!([]), json!(["dirnode"]), json!([{}, "dirnode"]), json!({"a": 1})] {
            assert!(Node::from_json(other).is_none());
        }
    }

    #[test]
    fn a_time_that_was_set_holds_for_the_content_that_it_was_set_for() {
        let time = TimeValue::parse(b"20240229123456.750").unwrap();
        let set = file(json!({"tahoe": {"linkmotime": 9.0}, "colour": "red"})).with_modified(time);
        assert_eq!(set.modified(), Some(time));
        let json = set.to_json();
        assert_eq!(json[1]["metadata"]["colour"], "red");

        let mut replaced = set;
        replaced.read_cap = Cap::parse("URI:CHK:c:d:2:4:3");
        assert_eq!(replaced.modified(), Some(TimeValue::from_unix(9, 0)));
    }

    #[test]
    fn a_time_that_another_program_has_set_counts_if_there_is_no_other() {
        assert_eq!(file(json!({"mtime": 7.5})).modified(), Some(TimeValue::from_unix(7, 500_000_000)));
        assert_eq!(
            file(json!({"mtime": 7.5, "tahoe": {"linkmotime": 9}})).modified(),
            Some(TimeValue::from_unix(9, 0))
        );
        assert_eq!(file(json!({"mtime": "soon"})).modified(), None);
        assert_eq!(file(json!({"mtime": -0.25})).modified(), Some(TimeValue::from_unix(-1, 750_000_000)));
    }

    #[test]
    fn no_cap_is_shown() {
        let shown = format!("{:?}", file(json!({})).with_modified(TimeValue::from_unix(0, 0)));
        assert!(!shown.contains("URI:"), "{shown}");
    }
}
