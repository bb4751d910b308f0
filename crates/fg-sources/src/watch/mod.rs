//! Tells which files changed, within milliseconds of the change.
//!
//! A thread of its own listens to the operating system (inotify on Linux), gathers what belongs
//! together, and hands it on. Where the system cannot tell, it asks for a look at everything every
//! now and then.

#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::files::Links;
use wanted::{Wanted, is_of_text, is_plain_file, lock};

/// Changes are handed on after this much silence.
const QUIET: Duration = Duration::from_millis(5);

/// … or this long after the first of them, whatever happens.
const PATIENCE: Duration = Duration::from_millis(40);

/// The longest wait for a file that is being written to be closed: read before that, it may be
/// empty or half, and what it says would come and go. Only Linux tells of closing.
const WRITING: Duration = match cfg!(target_os = "linux") {
    true => Duration::from_secs(1),
    false => PATIENCE,
};

/// A new folder is looked at once more after this long: files may have come before its watch.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// How often everything is looked at when the system does not tell what changes.
const POLL: Duration = Duration::from_secs(2);

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and folders that may have changed, absolute.
    pub paths: BTreeSet<PathBuf>,
    /// Anything may have changed: look at everything.
    pub rescan: bool,
    /// Why changes may be seen late from now on, for people.
    pub warning: Option<String>,
}

impl Changes {
    /// A look at everything.
    pub fn everything() -> Self {
        Self {
            rescan: true,
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.rescan && self.warning.is_none()
    }
}

enum Message {
    Event(notify::Result<Event>),
    Follow(Links),
    Stop,
}

/// A running watch. Dropping it ends its thread.
#[derive(Debug)]
pub struct Watch {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches a folder or a file. `send` gets the changes on the watch's own thread and says
    /// whether it wants more; with a channel it is `move |changes| sender.send(changes).is_ok()`.
    ///
    /// The watch is in place when this returns: a load after it misses nothing. A first load before
    /// it and a second one after it are quicker with many files: the second only looks at metadata,
    /// and the system need not tell about each file that the first one opens.
    ///
    /// # Errors
    /// The path does not exist, or no thread can be started. When the system has no watches left,
    /// that is no error: the first [`Changes`] say so, and everything is looked at every two
    /// seconds.
    pub fn start(
        path: &Path,
        send: impl FnMut(Changes) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let given = std::path::absolute(path)?;
        let is_dir = std::fs::metadata(&given)?.is_dir();
        let (messages, inbox) = channel();
        let mut watcher = Watched::new(given, is_dir, messages.clone());
        watcher.begin();
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || run(watcher, &inbox, POLL, send))?;
        Ok(Self {
            messages,
            thread: Some(thread),
        })
    }

    /// Watches what links lead to, too: see [`Folder::links`](crate::files::Folder::links). It
    /// replaces that of an earlier call.
    pub fn follow(&self, links: Links) {
        // The thread ends only when nobody wants changes any more.
        let _ = self.messages.send(Message::Follow(links));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is watched, and by what.
struct Watched {
    /// The path as given, absolute, links in it not followed.
    given: PathBuf,
    is_dir: bool,
    /// Where it leads to now, or led to when it last led anywhere.
    canonical: PathBuf,
    /// It leads nowhere just now.
    lost: bool,
    /// The system's watcher; `None` when there can be none.
    system: Option<RecommendedWatcher>,
    outside: BTreeSet<PathBuf>,
    /// The files whose text matters; the system's own thread asks, too.
    wanted: Arc<Mutex<Wanted>>,
    /// Why there is none, or not for everything.
    warning: Option<String>,
    messages: Sender<Message>,
}

impl Watched {
    /// Of a path as it was given, of which nothing is watched yet.
    fn new(given: PathBuf, is_dir: bool, messages: Sender<Message>) -> Self {
        Self {
            given,
            is_dir,
            canonical: PathBuf::new(),
            lost: true,
            system: None,
            outside: BTreeSet::new(),
            wanted: Arc::default(),
            warning: None,
            messages,
        }
    }

    fn begin(&mut self) {
        let messages = self.messages.clone();
        let wanted = self.wanted.clone();
        let handler = move |event: notify::Result<Event>| {
            // Reading causes events, too, one each file, and others may write beside what is ours,
            // such as a log line by line: those end here.
            let is_idle = |event: &Event| {
                is_reading(event) || (is_of_text(event) && !lock(&wanted).has_any(&event.paths))
            };
            if !event.as_ref().is_ok_and(is_idle) {
                let _ = messages.send(Message::Event(event));
            }
        };
        match notify::recommended_watcher(handler) {
            Ok(system) => self.system = Some(system),
            Err(error) => self.warn(&error),
        }
        self.place();
    }

    /// Puts the watches in place, anew if they were.
    fn place(&mut self) {
        let leads_to = self.given.canonicalize();
        self.lost = leads_to.is_err();
        if let Ok(canonical) = leads_to {
            self.canonical = canonical;
        }
        {
            let mut wanted = lock(&self.wanted);
            wanted.roots = [self.given.clone(), self.canonical.clone()].into();
            wanted.is_dir = self.is_dir;
        }
        // The folders around tell when the path itself is replaced.
        for path in [self.given.clone(), self.canonical.clone()] {
            if let Some(parent) = path.parent() {
                self.watch(parent, RecursiveMode::NonRecursive);
            }
        }
        if self.is_dir {
            let canonical = self.canonical.clone();
            self.watch(&canonical, RecursiveMode::Recursive);
        }
        for folder in self.outside.clone() {
            self.watch(&folder, RecursiveMode::NonRecursive);
        }
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) {
        let Some(system) = &mut self.system else {
            return;
        };
        match system.watch(path, mode) {
            Ok(()) => {}
            // It is away just now; the folder around tells when it comes back.
            Err(error) if is_absence(&error) => {}
            Err(error) => self.warn(&error),
        }
    }

    fn warn(&mut self, error: &notify::Error) {
        let hint = match error.kind {
            notify::ErrorKind::MaxFilesWatch => "; raise fs.inotify.max_user_watches",
            _ => "",
        };
        self.warning = Some(format!(
            "the system does not tell about every change ({error}{hint}): everything is looked at every {} seconds",
            POLL.as_secs()
        ));
    }

    /// Watches what links lead to. Tells whether some of it is new: something may have changed there
    /// already.
    fn follow(&mut self, links: Links) -> bool {
        let (now, before) = {
            let mut wanted = lock(&self.wanted);
            let before = std::mem::replace(&mut wanted.files, links.files);
            (wanted.files.clone(), before)
        };
        let old = std::mem::replace(&mut self.outside, links.folders);
        if let Some(system) = &mut self.system {
            let roots = [&self.given, &self.canonical];
            let is_around = |folder: &&PathBuf| {
                let folder = Some(folder.as_path());
                roots.iter().any(|root| root.parent() == folder)
            };
            for folder in old.difference(&self.outside).filter(|one| !is_around(one)) {
                // Gone already, perhaps.
                let _ = system.unwatch(folder);
            }
        }
        let new: Vec<PathBuf> = self.outside.difference(&old).cloned().collect();
        for folder in &new {
            self.watch(folder, RecursiveMode::NonRecursive);
        }
        !new.is_empty() || !now.is_subset(&before)
    }

    /// Whether a path is the watched one itself.
    fn is_root(&self, path: &Path) -> bool {
        path == self.given || path == self.canonical
    }

    /// Whether a path is a folder outside, or in one.
    fn is_outside(&self, path: &Path) -> bool {
        let holds = |folder: &Path| self.outside.contains(folder);
        holds(path) || path.parent().is_some_and(holds)
    }

    /// Whether a path is inside of what is watched.
    fn is_inside(&self, path: &Path) -> bool {
        self.is_dir && (path.starts_with(&self.canonical) || path.starts_with(&self.given))
    }
}

/// Whether an event says only that somebody looked.
fn is_reading(event: &Event) -> bool {
    let closed = matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
    );
    matches!(event.kind, EventKind::Access(_)) && !closed && !event.need_rescan()
}

fn is_absence(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// What was heard and not yet handed on.
struct Heard {
    changes: Changes,
    /// Files that were written to and not closed yet, and how long they are waited for. They hold
    /// up nothing else.
    open: BTreeMap<PathBuf, Instant>,
    /// When the first and the last of the changes was heard.
    first: Option<Instant>,
    last: Option<Instant>,
    /// Folders to look at once more, and when.
    again: BTreeMap<PathBuf, Instant>,
    /// When to look at everything, without the system's help, and how often.
    poll: Option<Instant>,
    every: Duration,
}

impl Heard {
    fn new(every: Duration) -> Self {
        Self {
            changes: Changes::default(),
            open: BTreeMap::new(),
            first: None,
            last: None,
            again: BTreeMap::new(),
            poll: None,
            every,
        }
    }

    fn note(&mut self) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Anything may have changed.
    fn rescan(&mut self) {
        self.changes.rescan = true;
        self.note();
    }

    /// A file is being written to.
    fn writing(&mut self, path: PathBuf) {
        self.changes.paths.remove(&path);
        let closed_at_last = || Instant::now() + WRITING;
        self.open.entry(path).or_insert_with(closed_at_last);
    }

    /// A path changed.
    fn changed(&mut self, path: PathBuf) {
        self.open.remove(&path);
        self.changes.paths.insert(path);
        self.note();
    }

    /// When what was heard belongs together and can be handed on.
    fn gathered(&self) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        Some((last + QUIET).min(first + PATIENCE))
    }

    /// When there is something to do next.
    fn due(&self) -> Option<Instant> {
        let waiting = self.open.values().chain(self.again.values());
        let waiting = waiting.min().copied();
        [self.gathered(), waiting, self.poll]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is due now.
    fn take(&mut self, now: Instant) -> Changes {
        let mut changes = match self.gathered() {
            Some(due) if due <= now => {
                (self.first, self.last) = (None, None);
                std::mem::take(&mut self.changes)
            }
            _ => Changes::default(),
        };
        for waiting in [&mut self.open, &mut self.again] {
            waiting.retain(|path, at| {
                let due = *at <= now;
                if due {
                    changes.paths.insert(path.clone());
                }
                !due
            });
        }
        if self.poll.is_some_and(|at| at <= now) {
            changes.rescan = true;
            self.poll = Some(now + self.every);
        }
        changes
    }
}

fn run(
    mut watcher: Watched,
    inbox: &Receiver<Message>,
    every: Duration,
    mut send: impl FnMut(Changes) -> bool,
) {
    let mut heard = Heard::new(every);
    loop {
        if let Some(warning) = watcher.warning.take() {
            heard.changes.warning = Some(warning);
            heard.poll.get_or_insert(Instant::now() + every);
            heard.note();
        }
        let message = match heard.due() {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match message {
            Ok(Message::Event(Ok(event))) => hear(&mut watcher, &mut heard, event),
            Ok(Message::Event(Err(error))) => {
                watcher.warn(&error);
                heard.rescan();
            }
            Ok(Message::Follow(folders)) => {
                if watcher.follow(folders) {
                    heard.rescan();
                }
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let changes = heard.take(Instant::now());
                if !changes.is_empty() && !send(changes) {
                    return;
                }
            }
        }
    }
}

/// Takes in one event of the system.
fn hear(watcher: &mut Watched, heard: &mut Heard, event: Event) {
    if event.need_rescan() {
        return heard.rescan();
    }
    if watcher.lost {
        watcher.place();
        heard.rescan();
    }
    let written = matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)));
    let new_folder = matches!(event.kind, EventKind::Create(CreateKind::Folder));
    let new_file = matches!(event.kind, EventKind::Create(CreateKind::File));
    let moved = matches!(
        event.kind,
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Create(_) | EventKind::Remove(_)
    );
    for path in event.paths {
        // A link is made by the same kind of event, and may lead to a folder.
        if new_file && !lock(&watcher.wanted).has(&path) && is_plain_file(&path) {
            continue;
        }
        let root = watcher.is_root(&path);
        if root && moved {
            watcher.place();
            heard.rescan();
        } else if watcher.is_inside(&path) || (root && !watcher.is_dir) {
            if new_folder {
                let again = Instant::now() + SECOND_LOOK;
                heard.again.insert(path.clone(), again);
            }
            match written {
                true => heard.writing(path),
                false => heard.changed(path),
            }
        } else if watcher.is_outside(&path) {
            match written {
                true => heard.writing(path),
                false => {
                    heard.open.remove(&path);
                    heard.rescan();
                }
            }
        }
    }
}
