//! A tree of path elements: from a path to the prefixes that cover it, deepest first.

use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;

use crate::hash::{FastMap, Mix};

const NONE: u32 = u32::MAX;

/// Prefixes, each with a range of candidates.
///
/// Shape: node 0 is the root, the empty prefix. All edges of all nodes are one open hash table, so
/// a step down is one probe, and a table of many prefixes is three pieces of memory.
pub(crate) struct PathTree {
    nodes: Box<[Node]>,
    edges: Box<[Edge]>,
    text: Box<[u8]>,
}

#[derive(Clone)]
struct Node {
    candidates: Range<u32>,
    /// The nearest node towards the root that has candidates.
    up: u32,
    /// Length of the prefix in bytes.
    length: u32,
}

/// One edge, or a free place when `child` is [`NONE`].
#[derive(Clone, Copy)]
struct Edge {
    parent: u32,
    child: u32,
    start: u32,
    length: u32,
}

/// A prefix that covers a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Its candidates.
    pub(crate) candidates: Range<u32>,
    /// Its length in bytes, without a trailing slash.
    pub(crate) length: usize,
}

impl PathTree {
    /// A tree of these prefixes, each without a trailing slash; none twice.
    pub(crate) fn new<'a>(prefixes: impl IntoIterator<Item = (&'a [u8], Range<u32>)>) -> Self {
        let root = Node {
            candidates: 0..0,
            up: NONE,
            length: 0,
        };
        let mut nodes = vec![root];
        let mut parents = vec![NONE];
        let mut children: FastMap<(u32, &[u8]), u32> = FastMap::default();
        let mut list: Vec<(u32, &[u8], u32)> = Vec::new();
        for (prefix, candidates) in prefixes {
            let mut at = 0;
            for (element, end) in elements(prefix) {
                at = *children.entry((at, element)).or_insert_with(|| {
                    let child = nodes.len() as u32;
                    list.push((at, element, child));
                    parents.push(at);
                    nodes.push(Node {
                        candidates: 0..0,
                        up: NONE,
                        length: end as u32,
                    });
                    child
                });
            }
            if let Some(node) = nodes.get_mut(at as usize) {
                node.candidates = candidates;
            }
        }
        link_upwards(&mut nodes, &parents);
        let (edges, text) = edge_table(&list);
        Self {
            nodes: nodes.into_boxed_slice(),
            edges,
            text,
        }
    }

    /// The prefixes that cover the path, deepest first.
    #[inline]
    pub(crate) fn covering(&self, path: &[u8]) -> impl Iterator<Item = Prefix> {
        let mut at = 0;
        if !self.edges.is_empty() {
            for (element, _) in elements(path) {
                match self.child(at, element) {
                    Some(child) => at = child,
                    None => break,
                }
            }
        }
        let mut next = self.nodes.get(at as usize);
        std::iter::from_fn(move || {
            loop {
                let node = next?;
                next = self.nodes.get(node.up as usize);
                if !node.candidates.is_empty() {
                    return Some(Prefix {
                        candidates: node.candidates.clone(),
                        length: node.length as usize,
                    });
                }
            }
        })
    }

    #[inline]
    fn child(&self, parent: u32, element: &[u8]) -> Option<u32> {
        let mask = self.edges.len() - 1;
        let mut at = place(parent, element) & mask;
        loop {
            let edge = self.edges.get(at)?;
            if edge.child == NONE {
                return None;
            }
            let start = edge.start as usize;
            if edge.parent == parent
                && self.text.get(start..start + edge.length as usize) == Some(element)
            {
                return Some(edge.child);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The elements behind each slash, with the place where each ends. What comes before the first
/// slash is none: canonical paths begin with one, and `*` has no elements.
#[inline]
fn elements(path: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    let mut rest = path.strip_prefix(b"/");
    std::iter::from_fn(move || {
        let from = rest?;
        let length = from.iter().position(|&b| b == b'/').unwrap_or(from.len());
        let (element, after) = from.split_at_checked(length)?;
        rest = after.strip_prefix(b"/");
        Some((element, path.len() - after.len()))
    })
}

#[inline]
fn place(parent: u32, element: &[u8]) -> usize {
    let mut mix = Mix::seeded(parent);
    element.hash(&mut mix);
    mix.finish() as usize
}

/// Lets each node point to the nearest one above it that has candidates. Parents come before their
/// children.
fn link_upwards(nodes: &mut [Node], parents: &[u32]) {
    for at in 1..nodes.len() {
        let above = parents.get(at).copied().unwrap_or(NONE);
        let up = match nodes.get(above as usize) {
            Some(parent) if parent.candidates.is_empty() => parent.up,
            _ => above,
        };
        if let Some(node) = nodes.get_mut(at) {
            node.up = up;
        }
    }
}

/// The open hash table of all edges, at most half full, and the text of their elements.
fn edge_table(list: &[(u32, &[u8], u32)]) -> (Box<[Edge]>, Box<[u8]>) {
    if list.is_empty() {
        return (Box::default(), Box::default());
    }
    let free = Edge {
        parent: 0,
        child: NONE,
        start: 0,
        length: 0,
    };
    let mut edges = vec![free; (list.len() * 2).next_power_of_two()];
    let mask = edges.len() - 1;
    let mut text = Vec::new();
    for &(parent, element, child) in list {
        let mut at = place(parent, element) & mask;
        while edges.get(at).is_some_and(|edge| edge.child != NONE) {
            at = (at + 1) & mask;
        }
        if let Some(edge) = edges.get_mut(at) {
            *edge = Edge {
                parent,
                child,
                start: text.len() as u32,
                length: element.len() as u32,
            };
        }
        text.extend_from_slice(element);
    }
    (edges.into_boxed_slice(), text.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prefixes of a list that cover the path, as the tree gives them.
    fn covering<'a>(prefixes: &[&'a str], path: &str) -> Vec<&'a str> {
        let tree = PathTree::new(
            (0_u32..)
                .zip(prefixes)
                .map(|(at, prefix)| (prefix.as_bytes(), at..at + 1)),
        );
        tree.covering(path.as_bytes())
            .map(|found| {
                let prefix = prefixes[found.candidates.start as usize];
                assert_eq!(found.length, prefix.len(), "{prefix}");
                prefix
            })
            .collect()
    }

    #[test]
    fn whole_elements_deepest_first() {
        let prefixes = ["/a/b", "", "/a", "/a/b/c/d", "/ab", "/a//b"];
        for (path, expected) in [
            ("/", &[""][..]),
            ("/a", &["/a", ""]),
            ("/a/", &["/a", ""]),
            ("/ab", &["/ab", ""]),
            ("/abc", &[""]),
            ("/a/b", &["/a/b", "/a", ""]),
            ("/a/bc", &["/a", ""]),
            ("/a/b/c", &["/a/b", "/a", ""]),
            ("/a/b/c/d/e", &["/a/b/c/d", "/a/b", "/a", ""]),
            ("/a//b", &["/a//b", "/a", ""]),
            ("*", &[""]),
        ] {
            assert_eq!(covering(&prefixes, path), expected, "{path}");
        }
    }

    #[test]
    fn nothing_covers_where_nothing_is_configured() {
        assert_eq!(covering(&[], "/a"), [""; 0]);
        assert_eq!(covering(&["/a/b"], "/a"), [""; 0]);
    }
}
