//! One kind, listed and watched for ever: requests to the API server, and what comes of them.
//!
//! ```text
//!  Start ──▶ Initial (streaming list) ──▶ Watching ◀──▶ Resume
//!    │                                       ▲            │ too old, or nothing helps
//!    ├──▶ Pages (list, where the server has no streaming ones) ──▶ Resume
//!    └◀───────────────────────────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, StreamExt};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Client, Error};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use super::backoff::{Backoff, random};
use super::kinds::Kind;
use super::options::Options;
use super::raw::Raw;

/// Objects of a page of a list. Units: objects.
const PAGE: u32 = 500;

/// The shortest time after which the server is asked to end a watch; up to a half more is added.
/// Lost connections that nobody closed are noticed then. Units: seconds.
const WATCH: u32 = 60;

/// How long after that it must have ended, and how long an answer may take.
const GRACE: Duration = Duration::from_secs(10);

/// A streaming list that says nothing for so long comes from a server that does not know them.
const SILENCE: Duration = Duration::from_secs(5);

/// Whoever ends a watch sooner is not asked again at once.
const SHORT: Duration = Duration::from_secs(1);

/// So many failures in a row to resume, and the list is asked for anew.
const HOPELESS: u32 = 5;

/// What the API server marks the end of a streaming list with. Source: Kubernetes API concepts.
const INITIAL_END: &str = "k8s.io/initial-events-end";

/// What happens to a kind.
#[derive(Debug)]
pub(super) enum Event {
    /// A complete list begins.
    Started,
    /// An object is there, new or not.
    Object(Box<Raw>),
    /// An object that is not even an object came.
    Unreadable,
    /// An object is gone.
    Gone(Box<Raw>),
    /// The list that began is complete.
    Listed,
    /// The watch goes on where it was.
    Resumed,
    /// It does not go on; so many times in a row.
    Trouble(Trouble, u32),
}

/// Why it does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The kind does not exist.
    Absent,
    /// It may not be read; the server's words.
    Denied(String),
    /// The server does not answer, or not usefully.
    Unreachable(String),
    /// Its history does not reach back far enough.
    Expired,
}

type Lines = BoxStream<'static, Result<WatchEvent<Raw>, Error>>;

/// Where the watch stands.
enum State {
    Start,
    Pages {
        token: Option<String>,
        version: String,
        page: std::vec::IntoIter<Box<RawValue>>,
    },
    Initial(Lines),
    Resume {
        version: String,
    },
    Watching {
        version: String,
        lines: Lines,
        since: Instant,
    },
}

/// The answer to a list.
#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    #[serde(default)]
    items: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    token: Option<String>,
}

struct Watcher {
    client: Client,
    kind: &'static Kind,
    labels: Option<String>,
    backoff: Backoff,
    state: State,
    /// Which of the kind's versions is asked for.
    version: usize,
    /// Whether the server has streaming lists, as far as we know.
    streaming: bool,
    /// In a row. Refusals that follow other failures count anew: an API server that has just come
    /// back knows its roles a moment later than it answers.
    failures: u32,
    /// Whether the last failure was a refusal.
    refused: bool,
    /// Before the next request.
    pause: Option<Duration>,
}

/// Everything that happens to a kind, from a complete list on.
pub(super) fn events(
    client: Client,
    kind: &'static Kind,
    options: &Options,
) -> BoxStream<'static, Event> {
    let watcher = Watcher {
        client,
        kind,
        labels: kind.labels(options),
        backoff: options.backoff,
        state: State::Start,
        version: 0,
        streaming: true,
        failures: 0,
        refused: false,
        pause: None,
    };
    stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await;
        Some((event, watcher))
    })
    .boxed()
}

impl Watcher {
    async fn next(&mut self) -> Event {
        loop {
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
            }
            let event = match std::mem::replace(&mut self.state, State::Start) {
                State::Start if self.streaming => self.start().await,
                State::Start => self.list(None).await,
                State::Pages {
                    token,
                    version,
                    page,
                } => self.page(token, version, page).await,
                State::Initial(lines) => self.initial(lines).await,
                State::Resume { version } => self.resume(version).await,
                State::Watching {
                    version,
                    lines,
                    since,
                } => self.watch(version, lines, since).await,
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Asks for a streaming list.
    async fn start(&mut self) -> Option<Event> {
        match self.open("", true).await {
            Ok(lines) => {
                self.state = State::Initial(lines);
                Some(Event::Started)
            }
            // No streaming lists here. Source: the API server's answers to `sendInitialEvents`.
            Err(Error::Api(status)) if matches!(status.code, 400 | 422) => {
                self.streaming = false;
                None
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Takes the next object of a streaming list.
    async fn initial(&mut self, mut lines: Lines) -> Option<Event> {
        let Ok(line) = timeout(SILENCE, lines.next()).await else {
            self.streaming = false;
            return None;
        };
        let event = match line {
            Some(Ok(WatchEvent::Added(raw) | WatchEvent::Modified(raw))) => {
                Some(Event::Object(Box::new(raw)))
            }
            Some(Ok(WatchEvent::Deleted(raw))) => Some(Event::Gone(Box::new(raw))),
            Some(Ok(WatchEvent::Bookmark(mark))) => {
                if mark.metadata.annotations.contains_key(INITIAL_END) {
                    self.failures = 0;
                    self.state = State::Watching {
                        version: mark.metadata.resource_version,
                        lines,
                        since: Instant::now(),
                    };
                    return Some(Event::Listed);
                }
                None
            }
            Some(Err(Error::SerdeError(_))) => Some(Event::Unreadable),
            Some(Ok(WatchEvent::Error(status))) => return self.failed(&Error::Api(status)),
            Some(Err(error)) => return self.failed(&error),
            None => return self.trouble(Trouble::Unreachable("the list broke off".to_owned())),
        };
        self.state = State::Initial(lines);
        event
    }

    /// Asks for a page of a list; the first one without a token.
    async fn list(&mut self, token: Option<String>) -> Option<Event> {
        let params = ListParams {
            label_selector: self.labels.clone(),
            field_selector: self.kind.fields.map(str::to_owned),
            limit: Some(PAGE),
            continue_token: token.clone(),
            ..ListParams::default()
        };
        let path = self.path();
        let request = match self.kind.metadata_only {
            true => path.list_metadata(&params),
            false => path.list(&params),
        };
        let answer = self.ask(request, |client, request| async move {
            client.request_text(request).await
        });
        let list = answer.await.and_then(|text| {
            // kube's own reading would log the whole answer, Secrets too, if it failed.
            serde_json::from_str::<List>(&text).map_err(Error::SerdeError)
        });
        match list {
            Ok(list) => {
                self.state = State::Pages {
                    token: list.metadata.token.filter(|token| !token.is_empty()),
                    version: list.metadata.resource_version,
                    page: list.items.unwrap_or_default().into_iter(),
                };
                token.is_none().then_some(Event::Started)
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Takes the next object of a page, or the next page.
    async fn page(
        &mut self,
        token: Option<String>,
        version: String,
        mut page: std::vec::IntoIter<Box<RawValue>>,
    ) -> Option<Event> {
        if let Some(item) = page.next() {
            self.state = State::Pages {
                token,
                version,
                page,
            };
            return Some(match serde_json::from_str(item.get()) {
                Ok(raw) => Event::Object(Box::new(raw)),
                Err(_) => Event::Unreadable,
            });
        }
        if token.is_some() {
            return self.list(token).await;
        }
        self.failures = 0;
        self.state = State::Resume { version };
        Some(Event::Listed)
    }

    /// Asks for what happened since a version.
    async fn resume(&mut self, version: String) -> Option<Event> {
        match self.open(&version, false).await {
            Ok(lines) => {
                let was_in_trouble = std::mem::take(&mut self.failures) > 0;
                self.state = State::Watching {
                    version,
                    lines,
                    since: Instant::now(),
                };
                was_in_trouble.then_some(Event::Resumed)
            }
            Err(error) => {
                if self.failures + 1 < HOPELESS || !matches!(error, Error::Api(_)) {
                    self.state = State::Resume { version };
                }
                self.failed(&error)
            }
        }
    }

    /// Takes the next thing that happened.
    async fn watch(
        &mut self,
        mut version: String,
        mut lines: Lines,
        since: Instant,
    ) -> Option<Event> {
        let longest = Duration::from_secs(u64::from(WATCH) * 3 / 2) + GRACE;
        // Whoever is silent for longer than a watch may last has gone without a word.
        let Ok(line) = timeout(longest, lines.next()).await else {
            self.state = State::Resume { version };
            return None;
        };
        let event = match line {
            Some(Ok(WatchEvent::Added(raw) | WatchEvent::Modified(raw))) => {
                advance(&mut version, &raw);
                Some(Event::Object(Box::new(raw)))
            }
            Some(Ok(WatchEvent::Deleted(raw))) => {
                advance(&mut version, &raw);
                Some(Event::Gone(Box::new(raw)))
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => {
                version = mark.metadata.resource_version;
                None
            }
            Some(Err(Error::SerdeError(_))) => Some(Event::Unreadable),
            // Too old, or newer than the server itself: either way there is no going on from here.
            Some(Ok(WatchEvent::Error(status))) => return self.failed(&Error::Api(status)),
            Some(Err(_)) | None => {
                if since.elapsed() < SHORT {
                    self.pause = Some(self.backoff.after(1, self.backoff.unreachable));
                }
                self.state = State::Resume { version };
                return None;
            }
        };
        self.state = State::Watching {
            version,
            lines,
            since,
        };
        event
    }

    /// Begins a watch from a version, or a streaming list.
    async fn open(&mut self, version: &str, initial: bool) -> Result<Lines, Error> {
        let params = WatchParams {
            label_selector: self.labels.clone(),
            field_selector: self.kind.fields.map(str::to_owned),
            timeout: Some(WATCH + (f64::from(WATCH / 2) * random()) as u32),
            bookmarks: true,
            send_initial_events: initial,
        };
        let path = self.path();
        let request = match self.kind.metadata_only {
            true => path.watch_metadata(&params, version),
            false => path.watch(&params, version),
        };
        self.ask(request, |client, request| async move {
            Ok(client.request_events(request).await?.boxed())
        })
        .await
    }

    fn path(&self) -> kube::core::Request {
        let versions = self.kind.versions;
        self.kind.path(versions.get(self.version).unwrap_or(&"v1"))
    }

    /// Sends a request; an answer that does not come is an error.
    async fn ask<R, T, F: Future<Output = Result<T, Error>>>(
        &mut self,
        request: Result<R, kube::core::request::Error>,
        send: impl FnOnce(Client, R) -> F,
    ) -> Result<T, Error> {
        let request = request.map_err(Error::BuildRequest)?;
        let answer = timeout(GRACE, send(self.client.clone(), request)).await;
        answer.unwrap_or_else(|_| {
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
            Err(Error::ReadEvents(late))
        })
    }

    /// Says what an error means, and when to go on. The state is the one to go on from.
    fn failed(&mut self, error: &Error) -> Option<Event> {
        let code = match error {
            Error::Api(status) => status.code,
            _ => 0,
        };
        let trouble = match (error, code) {
            (_, 404) => {
                self.state = State::Start;
                self.version = (self.version + 1) % self.kind.versions.len();
                if self.version > 0 {
                    return None;
                }
                Trouble::Absent
            }
            (_, 410) => {
                self.state = State::Start;
                Trouble::Expired
            }
            (Error::Api(status), 401 | 403) => Trouble::Denied(status.message.clone()),
            (Error::Api(status), _) => Trouble::Unreachable(status.message.clone()),
            (error, _) => Trouble::Unreachable(error.to_string()),
        };
        self.trouble(trouble)
    }

    fn trouble(&mut self, trouble: Trouble) -> Option<Event> {
        let (refused, most) = match trouble {
            Trouble::Absent | Trouble::Denied(_) => (true, self.backoff.refused),
            Trouble::Unreachable(_) | Trouble::Expired => (false, self.backoff.unreachable),
        };
        if refused && !self.refused {
            self.failures = 0;
        }
        self.refused = refused;
        self.failures = self.failures.saturating_add(1);
        // What is too old is asked for anew at once, but not again and again.
        if trouble != Trouble::Expired || self.failures > 1 {
            self.pause = Some(self.backoff.after(self.failures, most));
        }
        Some(Event::Trouble(trouble, self.failures))
    }
}

fn advance(version: &mut String, raw: &Raw) {
    if let Some(new) = &raw.metadata.resource_version {
        version.clear();
        version.push_str(new);
    }
}
