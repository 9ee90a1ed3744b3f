//! The outcome of opening every file once: the pictures that are used, and what is wrong with the others.

mod alike;
mod report;

pub use report::{ClassCount, ScanReport, UsedPicture, write_report};

use crate::data::dataset::Part;
use crate::data::picture::{ChannelSums, ContentHash, Fault, FaultKind, Thumbnail};
use crate::data::source::{Source, Truncated};
use alike::{Groups, alike};
use serde::Serialize;
use std::collections::BTreeMap;

/// All that is known of a picture's contents.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Columns, upright.
    pub width: u32,
    /// Rows, upright.
    pub height: u32,
    /// Whether it has no colour.
    pub is_grey: bool,
    /// A small copy.
    pub thumbnail: Thumbnail,
    /// Sums over its pixels.
    pub sums: ChannelSums,
}

/// The result of opening a file.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its contents and what they are, or why it cannot be used.
    pub picture: Result<(ContentHash, Facts), Fault>,
    /// A remark on a file that is used.
    pub remark: Option<Fault>,
}

/// A picture that is used.
#[derive(Clone, Debug)]
pub struct ScannedPicture {
    /// Its number in the source.
    pub entry: usize,
    /// Identity of its bytes.
    pub content: ContentHash,
    /// Its size and measures.
    pub facts: Facts,
    /// Pictures with the same number belong to one part.
    pub group: usize,
}

/// A remark on a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanFault {
    /// Its name in the source.
    pub path: String,
    /// The kind.
    pub kind: FaultKind,
    /// The reason.
    pub reason: String,
}

/// The outcome of a scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The pictures that are used, in the source's order.
    pub pictures: Vec<ScannedPicture>,
    /// Remarks on files: first archives, then pictures in the source's order.
    pub faults: Vec<ScanFault>,
    /// Names of pictures with the same bytes, in groups.
    pub duplicates: Vec<Vec<String>>,
    /// Names of pictures that look the same, in groups.
    pub near_duplicates: Vec<Vec<String>>,
}

impl Scan {
    /// Judges what was found in all files of a source.
    pub fn new(source: &dyn Source, opened: Vec<Opened>) -> Self {
        let name = |entry: usize| source.entries()[entry].name.clone();
        let mut faults: Vec<(usize, Fault)> = Vec::new();
        let mut pictures: Vec<(usize, ContentHash, Facts)> = Vec::new();
        for (entry, opened) in opened.into_iter().enumerate() {
            faults.extend(opened.remark.map(|remark| (entry, remark)));
            match opened.picture {
                Ok((content, facts)) => pictures.push((entry, content, facts)),
                Err(fault) => faults.push((entry, fault)),
            }
        }
        let copies = Copies::find(source, &pictures);
        faults.extend(copies.faults);
        pictures.retain(|(entry, ..)| !copies.dropped.contains(entry));
        let thumbnails: Vec<&Thumbnail> = pictures.iter().map(|(_, _, facts)| &facts.thumbnail).collect();
        let mut groups = alike(&thumbnails);
        let near_duplicates: Vec<Vec<String>> =
            groups.sets().iter().map(|set| set.iter().map(|&at| name(pictures[at].0)).collect()).collect();
        faults.extend(groups.sets().iter().flat_map(|set| near_faults(source, &pictures, set)));
        join_named(source, &pictures, &mut groups);
        faults.sort_by_key(|(entry, fault)| (*entry, fault.kind));
        let fault = |(entry, Fault { kind, reason })| ScanFault { path: name(entry), kind, reason };
        let archives = source.truncated().iter().map(|Truncated { name, reason }| ScanFault {
            path: name.clone(),
            kind: FaultKind::TruncatedArchive,
            reason: reason.clone(),
        });
        let pictures = pictures.into_iter().enumerate().map(|(at, (entry, content, facts))| ScannedPicture {
            entry,
            content,
            facts,
            group: groups.of(at),
        });
        Self {
            pictures: pictures.collect(),
            faults: archives.chain(faults.into_iter().map(fault)).collect(),
            duplicates: copies.groups.iter().map(|set| set.iter().map(|&entry| name(entry)).collect()).collect(),
            near_duplicates,
        }
    }
}

/// Puts pictures whose group has a name together.
fn join_named(source: &dyn Source, pictures: &[(usize, ContentHash, Facts)], groups: &mut Groups) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (entry, ..)) in pictures.iter().enumerate() {
        if let Some(group) = &source.entries()[*entry].group {
            groups.join(*first.entry(group).or_insert(at), at);
        }
    }
}

/// A remark on each picture that looks like the first of its set.
fn near_faults(source: &dyn Source, pictures: &[(usize, ContentHash, Facts)], set: &[usize]) -> Vec<(usize, Fault)> {
    let [first, rest @ ..] = set else { return Vec::new() };
    let entries = source.entries();
    let of = &entries[pictures[*first].0];
    let fault = |&at: &usize| {
        let entry = pictures[at].0;
        let place = match (&entries[entry].class, entries[entry].part) {
            (class, _) if *class != of.class => format!(" of class {}", of.class),
            (_, part) if part != of.part => format!(" of the {} part", of.part.unwrap_or(Part::Training)),
            _ => String::new(),
        };
        let reason = format!("it looks like {}{place}", of.name);
        (entry, Fault { kind: FaultKind::NearDuplicate, reason })
    };
    rest.iter().map(fault).collect()
}

/// Files with the same bytes.
#[derive(Default)]
struct Copies {
    groups: Vec<Vec<usize>>,
    dropped: std::collections::BTreeSet<usize>,
    faults: Vec<(usize, Fault)>,
}

impl Copies {
    /// One of several copies stays: a test picture before one to choose with before one to train on, so that no picture
    /// is tested that was trained on. Copies with several classes have no known class, and none of them stays.
    fn find(source: &dyn Source, pictures: &[(usize, ContentHash, Facts)]) -> Self {
        let entries = source.entries();
        let mut by_content: BTreeMap<ContentHash, Vec<usize>> = BTreeMap::new();
        for (entry, content, _) in pictures {
            by_content.entry(*content).or_default().push(*entry);
        }
        let mut copies = Self::default();
        let mut groups: Vec<Vec<usize>> = by_content.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        for group in groups {
            let class = &entries[group[0]].class;
            let other = group.iter().find(|&&entry| entries[entry].class != *class);
            let kept = group.iter().max_by_key(|&&entry| (entries[entry].part, std::cmp::Reverse(entry)));
            for &entry in &group {
                let fault = match other {
                    Some(&other) => {
                        let of = if entries[entry].class == *class { other } else { group[0] };
                        let reason = format!(
                            "it has the same bytes as {} of class {}; remove the wrong one",
                            entries[of].name, entries[of].class
                        );
                        Fault { kind: FaultKind::Conflict, reason }
                    }
                    None if kept == Some(&entry) => continue,
                    None => {
                        let of = kept.map_or("", |&kept| &entries[kept].name);
                        Fault { kind: FaultKind::Duplicate, reason: format!("it has the same bytes as {of}") }
                    }
                };
                copies.dropped.insert(entry);
                copies.faults.push((entry, fault));
            }
            copies.groups.push(group);
        }
        copies
    }
}
