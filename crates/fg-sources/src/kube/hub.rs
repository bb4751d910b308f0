//! All kinds together: their events in, batches out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Origin, kinds};
use futures::StreamExt;
use futures::stream::BoxStream;
use kube::Client;
use tokio::sync::mpsc;
use tokio_stream::StreamMap;

use super::bundle::Bundle;
use super::collection::{Changes, Collection};
use super::kinds::{DEFINITIONS, KINDS, Kind, NAMESPACES};
use super::raw::Raw;
use super::sight::Onlooker;
use super::stream::{self, Event};
use super::{Batch, Counters, Options};

/// So many events are taken before a batch is offered, however many more are there.
const MOST: usize = 4096;

/// The key of the stream of definitions, behind those of the kinds.
const OF_DEFINITIONS: usize = KINDS.len();

/// The source.
pub(super) struct Hub {
    client: Client,
    options: Options,
    counters: Arc<Counters>,
    onlooker: Option<Onlooker>,
    streams: StreamMap<usize, BoxStream<'static, Event>>,
    collections: Vec<Collection>,
    bundle: Bundle,
    /// Namespaces whose objects are read; unused when all are.
    namespaces: BTreeSet<Text>,
    /// The kinds other than namespaces are asked for.
    begun: bool,
    /// The first batch is out.
    synced: bool,
    changes: Changes,
    findings_changed: bool,
    since: Option<Instant>,
}

impl Hub {
    pub(super) fn new(
        client: Client,
        options: Options,
        counters: Arc<Counters>,
        onlooker: Option<Onlooker>,
    ) -> Self {
        Self {
            client,
            options,
            counters,
            onlooker,
            streams: StreamMap::new(),
            collections: KINDS.iter().map(Collection::new).collect(),
            bundle: Bundle::default(),
            namespaces: BTreeSet::new(),
            begun: false,
            synced: false,
            changes: Changes::new(),
            findings_changed: false,
            since: None,
        }
    }

    /// Runs until nobody takes batches any more.
    pub(super) async fn run(mut self, batches: mpsc::Sender<Batch>) {
        self.begin(NAMESPACES);
        self.begin_rest();
        let mut taken = 0;
        loop {
            if taken >= MOST {
                taken = 0;
                if self.has_news()
                    && let Ok(room) = batches.try_reserve()
                {
                    room.send(self.batch());
                }
            }
            tokio::select! {
                biased;
                // First everything that is there, then the batch.
                Some((key, event)) = self.streams.next() => {
                    taken += 1;
                    self.take(key, event);
                }
                room = batches.reserve(), if self.has_news() => {
                    let Ok(room) = room else { return };
                    room.send(self.batch());
                    taken = 0;
                }
                () = batches.closed() => return,
            }
        }
    }

    /// Lists and watches a kind, from the beginning.
    fn begin(&mut self, key: usize) {
        let kind: &'static Kind = KINDS.get(key).unwrap_or(&DEFINITIONS);
        let events = stream::events(self.client.clone(), kind, &self.options);
        self.streams.insert(key, events);
    }

    /// Begins with everything else, as soon as it is known which namespaces are read.
    fn begin_rest(&mut self) {
        let known = self
            .collections
            .get(NAMESPACES)
            .is_some_and(Collection::settled);
        if self.begun || !(known || self.options.namespaces.is_empty()) {
            return;
        }
        self.begun = true;
        for key in (0..=OF_DEFINITIONS).filter(|key| *key != NAMESPACES) {
            self.begin(key);
        }
    }

    fn has_news(&self) -> bool {
        match self.synced {
            true => self.findings_changed || !self.changes.is_empty(),
            false => self.begun && self.collections.iter().all(Collection::settled),
        }
    }

    fn batch(&mut self) -> Batch {
        let mut upserts = Vec::new();
        let mut removed = Vec::new();
        for (id, change) in std::mem::take(&mut self.changes) {
            match change {
                Some(resource) => upserts.push(resource),
                None => removed.push(ObjectRef::clone(&id)),
            }
        }
        let first = !std::mem::replace(&mut self.synced, true);
        let changed = std::mem::take(&mut self.findings_changed) || first;
        Batch {
            upserts,
            removed,
            findings: changed.then(|| self.findings()),
            first,
            since: self.since.take().unwrap_or_else(Instant::now),
        }
    }

    fn findings(&self) -> Vec<Arc<Finding>> {
        let all = self.collections.iter().flat_map(Collection::findings);
        let mut findings: Vec<_> = all.cloned().collect();
        findings.extend(self.bundle.finding().map(Arc::new));
        if self.collections.iter().any(|kind| kind.unreachable) {
            findings.push(Arc::new(unreachable()));
        }
        findings
    }

    fn take(&mut self, key: usize, event: Event) {
        if key == OF_DEFINITIONS {
            self.definition(&event);
            return;
        }
        let Some(kind) = self.collections.get_mut(key) else {
            return;
        };
        if let Some(counters) = self.counters.of(key) {
            match &event {
                Event::Object(_) | Event::Gone(_) => counters.event(),
                Event::Listed => counters.list(),
                Event::Unreadable | Event::Trouble(..) => counters.error(),
                Event::Started | Event::Resumed => {}
            }
        }
        let waiting = self.changes.len();
        let changed = match event {
            Event::Started => {
                kind.started();
                false
            }
            Event::Listed => kind.listed(&mut self.changes),
            Event::Resumed => kind.resumed(),
            Event::Unreadable => {
                kind.unreadable();
                false
            }
            Event::Object(raw) if key == NAMESPACES => {
                let is = self.options.selects(&raw.metadata.labels);
                let name = raw.metadata.name.clone();
                let changed = kind.object(*raw, None, &mut self.changes);
                self.namespace(&name, is) | changed
            }
            Event::Gone(raw) if key == NAMESPACES => {
                let changed = kind.gone(&raw, &mut self.changes);
                self.namespace(&raw.metadata.name, false) | changed
            }
            Event::Object(raw) if !is_selected(&self.options, &self.namespaces, &raw) => {
                kind.skip(&raw, &mut self.changes)
            }
            Event::Object(raw) => kind.object(*raw, self.onlooker.as_ref(), &mut self.changes),
            Event::Gone(raw) => kind.gone(&raw, &mut self.changes),
            Event::Trouble(trouble, times) => kind.trouble(&trouble, times, &mut self.changes),
        };
        self.findings_changed |= changed;
        if changed || self.changes.len() > waiting {
            self.since.get_or_insert_with(Instant::now);
        }
        if let (Some(kind), Some(counters)) = (self.collections.get(key), self.counters.of(key)) {
            counters.set_objects(kind.len());
        }
        if key == NAMESPACES {
            self.begin_rest();
        }
    }

    /// A namespace's objects are read, or not. `true` when findings changed.
    fn namespace(&mut self, name: &Text, is: bool) -> bool {
        if self.options.namespaces.is_empty() {
            return false;
        }
        if is {
            if self.namespaces.insert(name.clone()) {
                let lacking = self.collections.iter().enumerate();
                let lacking = lacking.filter(|(_, kind)| kind.lacks(name));
                let lacking: Vec<_> = lacking.map(|(key, _)| key).collect();
                for key in lacking {
                    self.begin(key);
                }
            }
            return false;
        }
        if !self.namespaces.remove(name) {
            return false;
        }
        let mut changed = false;
        for kind in &mut self.collections {
            changed |= kind.leave(name, &mut self.changes);
        }
        changed
    }

    /// A definition came, changed or went: a kind that was missing may exist now.
    fn definition(&mut self, event: &Event) {
        let (Event::Object(raw) | Event::Gone(raw)) = event else {
            return;
        };
        if matches!(event, Event::Object(_)) && self.bundle.take(raw) {
            self.findings_changed = true;
            self.since.get_or_insert_with(Instant::now);
        }
        let name = &*raw.metadata.name;
        let Some(key) = KINDS.iter().position(|kind| kind.resource() == name) else {
            return;
        };
        let missing = self.collections.get(key).is_some_and(Collection::missing);
        if missing {
            self.begin(key);
        }
    }
}

fn is_selected(options: &Options, namespaces: &BTreeSet<Text>, raw: &Raw) -> bool {
    let namespace = raw.namespace();
    options.namespaces.is_empty() || namespace.is_empty() || namespaces.contains(namespace)
}

fn unreachable() -> Finding {
    let (group, kind) = kinds::API_SERVER;
    let object = Arc::new(ObjectRef::new(group, kind, "", "kubernetes"));
    let text = "it does not answer; what it last said serves";
    Finding::warning(Origin::of(object, 0), FindingKind::SourceUnavailable, text)
}
