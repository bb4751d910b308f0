//! The rules of one written hostname on one listener.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use fg_base::Text;
use fg_exchange::Request;
use fg_ir::Place;

use crate::candidate::{Candidate, CompiledRule};
use crate::hash::FastMap;
use crate::paths::PathTree;

/// Candidates by path.
///
/// Shape: `candidates` holds exact paths, then prefixes, then those whose path must be asked for
/// (regular expressions, gRPC calls of any service); those of one path stand together, in order of
/// precedence.
pub(crate) struct HostTable<R> {
    candidates: Box<[Candidate<R>]>,
    exact: FastMap<Box<[u8]>, Range<u32>>,
    prefixes: PathTree,
    regexes: Range<u32>,
}

impl<R> HostTable<R> {
    /// Compiles these rules.
    pub(crate) fn new<'a>(rules: impl IntoIterator<Item = &'a Arc<CompiledRule<R>>>) -> Self
    where
        R: 'a,
    {
        let mut exact: Vec<(Text, Candidate<R>)> = Vec::new();
        let mut prefixes: Vec<(Text, Candidate<R>)> = Vec::new();
        let mut regexes: Vec<(Text, Candidate<R>)> = Vec::new();
        for candidate in rules.into_iter().flat_map(Candidate::all) {
            let (list, path) = match Place::of(&candidate.source().1.path) {
                Place::Exact(path) => (&mut exact, path),
                Place::Prefix(path) => (&mut prefixes, path),
                // One group: its order does not depend on the path.
                Place::Asked => (&mut regexes, Text::default()),
            };
            list.push((path, candidate));
        }
        let mut candidates = Vec::with_capacity(exact.len() + prefixes.len() + regexes.len());
        let exact = groups(exact, &mut candidates);
        let prefixes = groups(prefixes, &mut candidates);
        let regexes = groups(regexes, &mut candidates);
        Self {
            candidates: candidates.into_boxed_slice(),
            exact: exact
                .iter()
                .map(|(path, range)| (path.as_bytes().into(), range.clone()))
                .collect(),
            prefixes: PathTree::new(
                prefixes
                    .iter()
                    .map(|(path, range)| (path.as_bytes(), range.clone())),
            ),
            regexes: regexes.into_iter().next().map_or(0..0, |(_, range)| range),
        }
    }

    /// All of them: exact paths, prefixes, regular expressions.
    pub(crate) fn candidates(&self) -> &[Candidate<R>] {
        &self.candidates
    }

    /// Visits the candidates whose exact path or prefix fits, and all with a regular expression, in
    /// order of precedence, each with the length of its prefix, until `visit` breaks.
    #[inline]
    pub(crate) fn visit<'a, B>(
        &'a self,
        request: &Request,
        mut visit: impl FnMut(&'a Candidate<R>, Option<usize>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let path = request.path();
        if let Some(range) = self.exact.get(path) {
            for candidate in self.group(range) {
                visit(candidate, None)?;
            }
        }
        for prefix in self.prefixes.covering(path) {
            // `*` has no elements to replace.
            let length = path.starts_with(b"/").then_some(prefix.length);
            for candidate in self.group(&prefix.candidates) {
                visit(candidate, length)?;
            }
        }
        for candidate in self.group(&self.regexes) {
            visit(candidate, None)?;
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn group(&self, range: &Range<u32>) -> &[Candidate<R>] {
        self.candidates
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }
}

/// Sorts by path and precedence, moves the candidates to `all`, and gives the range of each path.
fn groups<R>(
    mut list: Vec<(Text, Candidate<R>)>,
    all: &mut Vec<Candidate<R>>,
) -> Vec<(Text, Range<u32>)> {
    list.sort_by(|(a_path, a), (b_path, b)| a_path.cmp(b_path).then_with(|| a.precedence(b)));
    let mut groups: Vec<(Text, Range<u32>)> = Vec::new();
    for (path, candidate) in list {
        let at = all.len() as u32;
        all.push(candidate);
        match groups.last_mut() {
            Some((last, range)) if *last == path => range.end = at + 1,
            _ => groups.push((path, at..at + 1)),
        }
    }
    groups
}
