//! A client that was let in: what it says, what it is told, and when it is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;

use super::protocol::{Outgoing, Protocol, Said};
use super::service::{self, Shared};
use super::subscription::{Outcome, Subscription, TYPES};
use super::{ClientId, Event, Identity, Ordered};
use crate::metrics::add;
use crate::store::{Attached, State};
use crate::{Serial, rejection};

/// A client that was let in.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) client: ClientId,
    pub(super) scope: Arc<str>,
    pub(super) expires: Option<Instant>,
    pub(super) attached: Attached,
    pub(super) protocol: Protocol,
    /// In the server's order, those without one behind.
    pub(super) subscriptions: Vec<Subscription>,
    /// What the client needs of a type, since it was sent something else, and has not got yet.
    pub(super) awaited: BTreeMap<String, Awaited>,
    pub(super) nonce: u64,
    /// When the client was let in.
    opened: Instant,
    /// Told last by [`Event::Settled`].
    settled: Serial,
    /// What something leads to and the client has not asked for, since everything was answered.
    unasked: BTreeMap<Unasked, Instant>,
    /// Until when removals are held back for what the client did not ask for yet.
    pub(super) held_back: Option<Instant>,
}

/// A resource that was not asked for: type URL and name.
type Unasked = (Arc<str>, Arc<str>);

/// What a client will ask for, or is sent once more.
#[derive(Debug)]
pub(super) struct Awaited {
    /// With the transaction of what it is needed for.
    pub(super) names: BTreeMap<Arc<str>, Serial>,
    /// When the last of them was added.
    pub(super) since: Instant,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, identity: &Identity, protocol: Protocol) -> Self {
        Self {
            client: service::next_client(),
            scope: identity.scope.as_str().into(),
            expires: identity.valid_for.map(|valid| Instant::now() + valid),
            attached: shared.store.attach(&identity.scope),
            protocol,
            subscriptions: Vec::new(),
            awaited: BTreeMap::new(),
            nonce: 0,
            opened: Instant::now(),
            settled: 0,
            unasked: BTreeMap::new(),
            held_back: None,
            shared,
        }
    }

    pub(super) async fn tell(&self, event: Event) {
        // Nobody listens: then nobody wants to know.
        let _ = self.shared.events.send(event).await;
    }

    /// What the client says.
    pub(super) async fn hear(&mut self, mut said: Said) -> Result<(), Status> {
        let index = self.subscription(&mut said)?;
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return Ok(());
        };
        subscription.change(&said.names);
        let type_url = subscription.type_url.clone();
        let answered = subscription.answered(&said.nonce, said.error.as_ref());
        let names: usize = self.subscriptions.iter().map(Subscription::len).sum();
        if names > self.shared.options.names {
            return Err(Status::resource_exhausted(format!(
                "a client may subscribe to {} names, not more",
                self.shared.options.names
            )));
        }
        let event = match (answered, said.error) {
            (Some((names, outcome, took)), error) => {
                if outcome != Outcome::Goes || error.is_some() {
                    self.shared.metrics.answered(error.is_none(), took);
                }
                if let Some(awaited) = self.awaited.get_mut(&*type_url) {
                    awaited.names.retain(|name, _| !names.contains(name));
                }
                self.forget_for_refused(index);
                self.outcome(type_url, outcome, took)
            }
            (None, Some(error)) if said.nonce.is_empty() => {
                add(&self.shared.metrics.reports, 1);
                Some(Event::Report {
                    client: self.client,
                    scope: self.scope.clone(),
                    type_url,
                    resources: rejection::from_status(&error),
                })
            }
            // A subscription, or the answer to a response of long ago.
            (None, _) => None,
        };
        if let Some(event) = event {
            self.tell(event).await;
        }
        Ok(())
    }

    /// What the client does not have needs nothing.
    fn forget_for_refused(&mut self, index: usize) {
        let Some(one) = self
            .subscriptions
            .get(index)
            .filter(|one| one.has_refused())
        else {
            return;
        };
        let order = self.shared.options.order.iter();
        let ordered = order.filter(|ordered| *ordered.type_url == *one.type_url);
        for renewed in ordered.flat_map(|ordered| &ordered.renews) {
            if let Some(awaited) = self.awaited.get_mut(renewed) {
                awaited.names.retain(|name, _| !one.refuses(name));
            }
        }
    }

    /// What is told of an answer, if it was the last to a response.
    fn outcome(&self, type_url: Arc<str>, outcome: Outcome, took: Duration) -> Option<Event> {
        let (client, scope) = (self.client, self.scope.clone());
        match outcome {
            Outcome::Goes => None,
            Outcome::Taken(serial) => Some(Event::Acked {
                client,
                scope,
                type_url,
                serial,
                took,
            }),
            Outcome::But(serial, resources, message) => Some(Event::Rejected {
                client,
                scope,
                type_url,
                serial,
                took,
                resources,
                message,
            }),
        }
    }

    /// The subscription that a request is about; its first request makes it.
    fn subscription(&mut self, said: &mut Said) -> Result<usize, Status> {
        if said.type_url.is_empty() {
            return Err(Status::invalid_argument("a request names no type"));
        }
        let is_it = |known: &Subscription| *known.type_url == *said.type_url;
        if let Some(index) = self.subscriptions.iter().position(is_it) {
            return Ok(index);
        }
        if self.subscriptions.len() >= TYPES {
            return Err(Status::resource_exhausted(format!(
                "a client may subscribe to {TYPES} types, not more"
            )));
        }
        let place = self.place(&said.type_url);
        let before = |known: &&Subscription| self.place(&known.type_url) <= place;
        let index = self.subscriptions.iter().take_while(before).count();
        let collections = self
            .ordered(&said.type_url)
            .is_some_and(|one| one.collections);
        let mut made = Subscription::new(said, self.protocol, collections);
        if collections && let Some(awaited) = self.awaited.remove(&said.type_url) {
            made.renew(awaited.names.keys());
        }
        self.subscriptions.insert(index, made);
        Ok(index)
    }

    /// What is said of a type's order.
    pub(super) fn ordered(&self, type_url: &str) -> Option<&Ordered> {
        let mut order = self.shared.options.order.iter();
        order.find(|one| one.type_url == type_url)
    }

    /// Where a type stands in the order.
    pub(super) fn place(&self, type_url: &str) -> usize {
        let order = &self.shared.options.order;
        let place = order.iter().position(|one| one.type_url == type_url);
        place.unwrap_or(order.len())
    }

    /// News of [`Event::Settled`], if there are any.
    pub(super) fn settled(&mut self) -> Option<Event> {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        let scope = self.attached.scope();
        let state = scope.lock();
        let done = subscriptions.iter().map(Subscription::done).min();
        let done =
            done.filter(|done| *done > self.settled && self.has_all(&mut subscriptions, &state));
        drop(state);
        self.subscriptions = subscriptions;
        let serial = done?;
        self.settled = serial;
        Some(Event::Settled {
            client: self.client,
            scope: self.scope.clone(),
            serial,
            unasked: self.unasked.keys().cloned().collect(),
        })
    }

    /// Whether everything of the ordered types, and of those that the client subscribed to, was asked
    /// for and answered, but for what it will not ask for: since it refused what leads to it, or does not
    /// use what does. The latter is so when it did not ask in time.
    fn has_all(&mut self, subscriptions: &mut [Subscription], state: &State) -> bool {
        let refused = subscriptions.iter().filter(|one| one.has_refused());
        let refused = refused.filter_map(|one| self.ordered(&one.type_url));
        let excused: BTreeSet<String> = refused.flat_map(|one| &one.leads_to).cloned().collect();
        let is_answered = |one: &Subscription| {
            excused.contains(&*one.type_url)
                || state.table(&one.type_url).is_none()
                || one.is_answered()
        };
        if !subscriptions.iter().all(is_answered) {
            return false;
        }
        let mut unasked = BTreeMap::new();
        let now = Instant::now();
        let mut note = |type_url: &Arc<str>, name: &Arc<str>| {
            let key = (type_url.clone(), name.clone());
            let since = self.unasked.get(&key).copied();
            unasked.insert(key, since.unwrap_or(now));
        };
        for one in subscriptions.iter_mut() {
            if let Some(table) = state.table(&one.type_url) {
                let type_url = one.type_url.clone();
                one.lacks(table, |name| note(&type_url, name));
            }
        }
        for ordered in &self.shared.options.order {
            let mut known = subscriptions.iter();
            if let Some(table) = state.table(&ordered.type_url)
                && !known.any(|known| *known.type_url == *ordered.type_url)
            {
                let type_url: Arc<str> = ordered.type_url.as_str().into();
                table.needed().for_each(|name| note(&type_url, name));
            }
        }
        let patience = self.shared.options.ask_deadline;
        let is_expected = |((type_url, _), since): (&Unasked, &Instant)| {
            excused.contains(&**type_url) || *since + patience <= now
        };
        self.unasked = unasked;
        self.unasked.iter().all(is_expected)
    }

    /// When the stream is given up if nothing happens, or something is awaited no longer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let options = &self.shared.options;
        let flights = self.subscriptions.iter();
        let flights = flights.filter_map(|one| one.flight.as_ref());
        let answers = flights.map(|flight| flight.sent + options.ack_deadline);
        let awaited = self.awaited.values().filter(|one| !one.names.is_empty());
        let questions = awaited.map(|one| one.since + options.ask_deadline);
        let now = Instant::now();
        let unasked = self.unasked.values();
        let unasked = unasked.map(|since| *since + options.ask_deadline);
        let unasked = unasked.filter(|by| *by > now);
        let all = answers.chain(questions).chain(unasked);
        all.chain(self.held_back).chain(self.expires).min()
    }

    /// Until when a client that comes back is expected to have asked for all that it uses.
    pub(super) fn asked_by(&self) -> Instant {
        self.opened + self.shared.options.ask_deadline
    }

    /// Whether the client may use what is of this type by something that it has of an earlier stream and
    /// did not ask for on this one yet.
    pub(super) fn may_be_used(&self, subscriptions: &[Subscription], type_url: &str) -> bool {
        let mut order = self.shared.options.order.iter();
        Instant::now() < self.asked_by()
            && order.any(|user| {
                let mut known = subscriptions.iter();
                self.waits(&user.type_url, type_url)
                    && !known.any(|known| *known.type_url == *user.type_url)
            })
    }

    /// What follows from that.
    pub(super) fn overdue(&mut self) -> Result<(), Status> {
        let now = Instant::now();
        let options = &self.shared.options;
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Status::unauthenticated(
                "your token expired: connect again with a fresh one",
            ));
        }
        let flights = self.subscriptions.iter();
        let mut flights = flights.filter_map(|one| one.flight.as_ref());
        if flights.any(|flight| flight.sent + options.ack_deadline <= now) {
            add(&self.shared.metrics.overdue, 1);
            return Err(Status::deadline_exceeded(format!(
                "no answer to a response within {:?}",
                options.ack_deadline
            )));
        }
        let asked = options.ask_deadline;
        self.awaited.retain(|type_url, one| {
            let waits = one.since + asked > now;
            if !waits && !one.names.is_empty() {
                tracing::debug!(type_url, client = %self.client, "not asked for in time");
            }
            waits
        });
        Ok(())
    }

    /// A message of what is to be sent.
    pub(super) fn outgoing(&self, version: String, nonce: String, type_url: &str) -> Outgoing {
        Outgoing {
            version,
            nonce,
            type_url: type_url.to_owned(),
            upserts: Vec::new(),
            removed: Vec::new(),
            identifier: self.shared.options.identifier.clone(),
        }
    }
}
