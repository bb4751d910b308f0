//! A client that was let in: what it says, what it is sent next, and when it is given up.

use std::sync::Arc;

use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;

use super::service::{self, Shared};
use super::subscription::{Behind, Part, Subscription, TYPES};
use super::{ClientId, Event, Identity};
use crate::message::{ControlPlane, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use crate::metrics::add;
use crate::rejection;
use crate::store::{Attached, State};

/// A client that was let in.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) client: ClientId,
    pub(super) scope: Arc<str>,
    pub(super) expires: Option<Instant>,
    pub(super) attached: Attached,
    /// In the server's order, those without one behind.
    subscriptions: Vec<Subscription>,
    nonce: u64,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, identity: &Identity) -> Self {
        Self {
            client: service::next_client(),
            scope: identity.scope.as_str().into(),
            expires: identity.valid_for.map(|valid| Instant::now() + valid),
            attached: shared.store.attach(&identity.scope),
            subscriptions: Vec::new(),
            nonce: 0,
            shared,
        }
    }

    pub(super) async fn tell(&self, event: Event) {
        // Nobody listens: then nobody wants to know.
        let _ = self.shared.events.send(event).await;
    }

    /// What the client says.
    pub(super) async fn hear(&mut self, mut request: DeltaDiscoveryRequest) -> Result<(), Status> {
        let index = self.subscription(&mut request)?;
        let Some(subscription) = self.subscriptions.get_mut(index) else {
            return Ok(());
        };
        subscription.change(&request);
        let type_url = subscription.type_url.clone();
        let answered = subscription.answered(&request.response_nonce);
        let names: usize = self.subscriptions.iter().map(Subscription::len).sum();
        if names > self.shared.options.names {
            return Err(Status::resource_exhausted(format!(
                "a client may subscribe to {} names, not more",
                self.shared.options.names
            )));
        }
        let event = match (answered, request.error_detail) {
            (Some((flight, took)), error) => {
                if flight.is_last || error.is_some() {
                    self.shared.metrics.answered(error.is_none(), took);
                }
                let (client, scope, serial) = (self.client, self.scope.clone(), flight.serial);
                match error {
                    Some(error) => Some(Event::Rejected {
                        client,
                        scope,
                        type_url,
                        serial,
                        took,
                        resources: rejection::from_status(&error),
                        message: error.message,
                    }),
                    None if flight.is_last => Some(Event::Acked {
                        client,
                        scope,
                        type_url,
                        serial,
                        took,
                    }),
                    None => None,
                }
            }
            (None, Some(error)) if request.response_nonce.is_empty() => {
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
    /// The subscription that a request is about; its first request makes it.
    fn subscription(&mut self, request: &mut DeltaDiscoveryRequest) -> Result<usize, Status> {
        if request.type_url.is_empty() {
            return Err(Status::invalid_argument("a request names no type"));
        }
        let is_it = |known: &Subscription| *known.type_url == *request.type_url;
        if let Some(index) = self.subscriptions.iter().position(is_it) {
            return Ok(index);
        }
        if self.subscriptions.len() >= TYPES {
            return Err(Status::resource_exhausted(format!(
                "a client may subscribe to {TYPES} types, not more"
            )));
        }
        let place = self.place(&request.type_url);
        let index = self
            .subscriptions
            .iter()
            .take_while(|known| self.place(&known.type_url) <= place)
            .count();
        self.subscriptions.insert(index, Subscription::new(request));
        Ok(index)
    }

    /// Where a type stands in the order.
    fn place(&self, type_url: &str) -> usize {
        let order = &self.shared.options.order;
        let place = order.iter().position(|one| one.type_url == type_url);
        place.unwrap_or(order.len())
    }

    /// Whether a type waits for another.
    fn waits(&self, type_url: &str, other: &str) -> bool {
        let order = self.shared.options.order.iter();
        let mut of_type = order.filter(|one| one.type_url == type_url);
        of_type.any(|one| one.after.iter().any(|after| after == other))
            // A circle in the order is nobody's wish: who stands first waits for none behind.
            && self.place(other) < self.place(type_url)
    }

    /// The responses that can be sent now.
    pub(super) fn due(&mut self) -> Result<Vec<DeltaDiscoveryResponse>, Status> {
        let parts = self.parts()?;
        Ok(parts
            .into_iter()
            .filter_map(|(index, part)| self.response(index, &part))
            .collect())
    }

    /// What can be sent now, by subscription; each is in flight from here on.
    fn parts(&mut self) -> Result<Vec<(usize, Part)>, Status> {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        let mut nonce = self.nonce;
        let bound = self.shared.options.response_bytes;
        let state = self.attached.lock();
        let mut parts = Vec::new();
        let mut send = |index: usize, subscription: &mut Subscription| {
            if let Some(part) = subscription.next_part() {
                nonce += 1;
                subscription.sent(&part, nonce.to_string());
                parts.push((index, part));
            }
        };
        let mut result = Ok(());
        // Nothing was ever applied: the client waits for what is complete.
        if state.serial() > 0 {
            for index in 0..subscriptions.len() {
                result = result.and(self.make(&mut subscriptions, index, (&state, bound)));
                if let Some(subscription) = subscriptions.get_mut(index) {
                    send(index, subscription);
                }
            }
            for index in (0..subscriptions.len()).rev() {
                if self.may_break(&subscriptions, index, &state)
                    && let Some(subscription) = subscriptions.get_mut(index)
                {
                    subscription.collect_late(&state, bound);
                    send(index, subscription);
                }
            }
        }
        drop(state);
        self.nonce = nonce;
        self.subscriptions = subscriptions;
        result.map_err(|Behind| {
            Status::unavailable("too much was removed since the last response: connect again")
        })?;
        Ok(parts)
    }

    /// Makes a subscription's next response, if it is idle and waits for no other.
    fn make(
        &self,
        all: &mut [Subscription],
        index: usize,
        (state, bound): (&State, usize),
    ) -> Result<(), Behind> {
        let Some(one) = all.get(index) else {
            return Ok(());
        };
        let others = || all.iter().filter(|other| other.type_url != one.type_url);
        let is_held = others()
            .any(|other| self.waits(&one.type_url, &other.type_url) && !other.is_settled(state));
        let holds_back = others().any(|other| self.waits(&other.type_url, &one.type_url));
        if !one.is_idle() || is_held || one.is_settled(state) {
            return Ok(());
        }
        match all.get_mut(index) {
            Some(one) => one.collect(state, holds_back, bound),
            None => Ok(()),
        }
    }

    /// Whether what was removed of a type can go: all who may use it know that it is no more.
    fn may_break(&self, all: &[Subscription], index: usize, state: &State) -> bool {
        all.get(index).is_some_and(|one| {
            let mut users = all
                .iter()
                .filter(|user| self.waits(&user.type_url, &one.type_url));
            one.is_idle() && users.all(|user| user.is_settled(state))
        })
    }

    fn response(&self, index: usize, part: &Part) -> Option<DeltaDiscoveryResponse> {
        let subscription = self.subscriptions.get(index)?;
        let more = if part.is_last { "" } else { "+" };
        let resources = part.upserts.iter().map(|entry| Resource {
            version: entry.version.to_string(),
            resource: Some(entry.body.clone()),
            name: entry.name.to_string(),
        });
        let response = DeltaDiscoveryResponse {
            system_version_info: format!("{}{more}", part.serial),
            resources: resources.collect(),
            type_url: subscription.type_url.to_string(),
            nonce: subscription.flight.as_ref()?.nonce.clone(),
            removed_resources: part.removed.iter().map(ToString::to_string).collect(),
            control_plane: Some(ControlPlane {
                identifier: self.shared.options.identifier.clone(),
            }),
        };
        let metrics = &self.shared.metrics;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        add(&metrics.responses, 1);
        add(&metrics.resources, count(part.upserts.len()));
        add(&metrics.bytes, count(response.encoded_len()));
        Some(response)
    }

    /// When the stream is given up if nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let patience = self.shared.options.ack_deadline;
        let flights = self
            .subscriptions
            .iter()
            .filter_map(|one| one.flight.as_ref());
        let answers = flights.map(|flight| flight.sent + patience);
        answers.chain(self.expires).min()
    }

    /// Why the stream is given up at its deadline.
    pub(super) fn overdue(&self) -> Status {
        if self
            .expires
            .is_some_and(|expires| expires <= Instant::now())
        {
            return Status::unauthenticated("your token expired: connect again with a fresh one");
        }
        add(&self.shared.metrics.overdue, 1);
        Status::deadline_exceeded(format!(
            "no answer to a response within {:?}",
            self.shared.options.ack_deadline
        ))
    }
}
