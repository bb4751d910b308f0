//! Reads files, many of them by several threads.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fg_base::Text;
use fg_model::{Finding, FindingKind};

use super::document::{self, Content, about_file};
use super::listing::{Seen, Stamp};
use crate::Limits;

/// How long a file must have been left alone for its metadata to tell that it is unchanged: file
/// systems count time in ticks, and two writes may fall into one. Units: nanoseconds.
const SETTLED: i128 = 50_000_000;

/// From this many files on they are read by several threads.
const PARALLEL: usize = 64;

/// A file and what it gave.
#[derive(Debug)]
pub(super) struct File {
    /// Name for people: the path as the user gave it, and the rest below it.
    pub(super) name: Text,
    /// Metadata when it was read, unless it was too fresh to tell; none for texts in memory.
    pub(super) stamp: Option<Stamp>,
    /// Of the text; none when it could not be read.
    pub(super) hash: Option<u64>,
    pub(super) content: Content,
}

/// A file as it is now.
pub(super) enum Fresh {
    /// The same text as before.
    Same { stamp: Option<Stamp> },
    /// Another text.
    Other {
        stamp: Option<Stamp>,
        hash: u64,
        content: Content,
    },
    /// It cannot be read, or not be understood.
    Bad {
        stamp: Option<Stamp>,
        hash: Option<u64>,
        finding: Box<Finding>,
    },
    /// It is not there any more.
    Gone,
}

/// What reading needs to know.
pub(super) struct Reading<'a> {
    /// The folder; `None` for texts in memory.
    pub(super) name: &'a (dyn Fn(&Path) -> Text + Sync),
    pub(super) limits: &'a Limits,
    /// What is known: equal text is not read again.
    pub(super) files: &'a BTreeMap<Arc<Path>, File>,
}

impl Reading<'_> {
    /// Reads files, in the order given, by several threads when they are many.
    pub(super) fn read_all(&self, jobs: &[(Arc<Path>, Seen)]) -> Vec<Fresh> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        if jobs.len() < PARALLEL || threads == 1 {
            return jobs
                .iter()
                .map(|(path, seen)| self.read(path, seen))
                .collect();
        }
        let size = jobs.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let parts = jobs.chunks(size).map(|part| {
                let read = || {
                    part.iter()
                        .map(|(path, seen)| self.read(path, seen))
                        .collect::<Vec<_>>()
                };
                scope.spawn(read)
            });
            let parts: Vec<_> = parts.collect();
            let join = |part: std::thread::ScopedJoinHandle<'_, Vec<Fresh>>| match part.join() {
                Ok(fresh) => fresh,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            parts.into_iter().flat_map(join).collect()
        })
    }

    fn read(&self, path: &Path, seen: &Seen) -> Fresh {
        let name = (self.name)(path);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.ok().and_then(|now| i128::try_from(now.as_nanos()).ok());
        let settled = now.is_some_and(|now| now - seen.stamp.last_change() > SETTLED);
        let stamp = Some(seen.stamp).filter(|_| settled);
        let bad = |kind, text| Fresh::Bad {
            stamp,
            hash: None,
            finding: Box::new(about_file(&name, 0, kind, text)),
        };
        let too_large = || {
            let text = format!("is larger than {} bytes", self.limits.file_size);
            bad(FindingKind::LimitExceeded, text)
        };
        if seen.stamp.size() > self.limits.file_size {
            return too_large();
        }
        // One byte more, so that the end is seen without growing.
        let capacity = usize::try_from(seen.stamp.size()).map_or(0, |size| size + 1);
        let mut bytes = Vec::with_capacity(capacity);
        let read = std::fs::File::open(&seen.canonical)
            .and_then(|file| file.take(self.limits.file_size + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if u64::try_from(bytes.len()).is_ok_and(|size| size > self.limits.file_size) => {
                too_large()
            }
            Ok(_) => self.understand(path, &name, stamp, bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fresh::Gone,
            Err(error) => bad(FindingKind::Unreadable, format!("cannot be read: {error}")),
        }
    }

    pub(super) fn understand(
        &self,
        path: &Path,
        name: &Text,
        stamp: Option<Stamp>,
        bytes: Vec<u8>,
    ) -> Fresh {
        let hash = hash(&bytes);
        if self
            .files
            .get(path)
            .is_some_and(|file| file.hash == Some(hash))
        {
            return Fresh::Same { stamp };
        }
        let read = match String::from_utf8(bytes) {
            Ok(text) => document::read(name, &text, self.limits),
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                let line = u32::try_from(line).unwrap_or(0);
                let text = "is not UTF-8".to_owned();
                Err(Box::new(about_file(
                    name,
                    line,
                    FindingKind::Unreadable,
                    text,
                )))
            }
        };
        match read {
            Ok(content) => Fresh::Other {
                stamp,
                hash,
                content,
            },
            Err(finding) => Fresh::Bad {
                stamp,
                hash: Some(hash),
                finding,
            },
        }
    }
}

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
