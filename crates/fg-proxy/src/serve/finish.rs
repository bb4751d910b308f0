//! The end of an exchange: metrics and the access log. A function, not a destructor.

use std::time::{Duration, SystemTime};

use fg_exchange::Name;
use fg_telemetry::access_log::{Entry, Format};
use fg_telemetry::{Outcome, Series, SeriesLabels};

use super::connection::Connection;
use super::exchange::Exchange;
use super::route::Route;
use crate::generation::CompiledAction;
use crate::worker::Worker;

/// Counts and logs an exchange.
pub(super) fn exchange(connection: &Connection, exchange: &Exchange, route: Option<&Route<'_>>) {
    let worker = &connection.worker;
    let record = &exchange.record;
    let duration = record
        .started
        .map(|started| started.elapsed())
        .unwrap_or_default();
    let reason = record.reason();
    match route {
        Some(route) => {
            let outcome = Outcome {
                status: record.status,
                reason: reason.map(|reason| reason as usize),
                duration,
                bytes_in: exchange.up.body_bytes,
                bytes_out: exchange.down.body_bytes,
            };
            if let Some(series) = series(worker, route, record.backend) {
                series.record(&outcome);
            }
        }
        None => worker
            .stats
            .unrouted(reason.map_or(usize::MAX, |reason| reason as usize)),
    }
    if worker.shared.settings.access_log != Format::Off {
        log(connection, exchange, route, duration);
    }
}

/// The series of a rule and backend on this worker.
fn series<'g>(worker: &Worker, route: &Route<'g>, backend: Option<usize>) -> Option<&'g Series> {
    let rule = route.rule;
    let (block, name) = match &rule.action {
        CompiledAction::Refuse(_, block) => (block, None),
        CompiledAction::Forward { backends, .. } => {
            let chosen = backends.get(backend.unwrap_or(0))?;
            // Answers of the rule's own filters are counted without a backend.
            match backend {
                Some(_) => (&chosen.series, Some(&chosen.name)),
                None => (&rule.series, None),
            }
        }
    };
    block.get(route.attachment, worker.id, || {
        let (gateway, listener) = rule
            .names
            .listeners
            .get(route.attachment)
            .cloned()
            .unwrap_or_default();
        worker.shared.registry.series(&SeriesLabels {
            gateway,
            listener,
            route: rule.names.route.clone(),
            rule: rule.names.rule.clone(),
            backend: name.cloned().unwrap_or_default(),
        })
    })
}

#[cold]
fn log(connection: &Connection, exchange: &Exchange, route: Option<&Route<'_>>, total: Duration) {
    let record = &exchange.record;
    let request = &exchange.request;
    let names = route.map(|route| &route.rule.names);
    let listener = route.and_then(|route| route.rule.names.listeners.get(route.attachment));
    let backend = route.and_then(|route| match &route.rule.action {
        CompiledAction::Forward { backends, .. } => Some(&*backends.get(record.backend?)?.name),
        CompiledAction::Refuse(..) => None,
    });
    let client = match record.facts().client {
        client if route.is_some() => client,
        _ => connection.peer.ip(),
    };
    let tls = connection.tls.as_deref();
    let entry = Entry {
        time: SystemTime::now()
            .checked_sub(total)
            .unwrap_or(SystemTime::UNIX_EPOCH),
        client,
        method: request.method_text(),
        path: request.received_path(),
        query: None,
        host: request.received_authority(),
        protocol: request.version().text(),
        tls: tls.map_or([""; 3], |tls| [tls.version, tls.cipher, &tls.sni]),
        status: record.status,
        reason: record.reason().map_or("", |reason| reason.text()),
        gateway: listener.map_or("", |(gateway, _)| gateway),
        listener: listener.map_or("", |(_, listener)| listener),
        route: names.map_or("", |names| &names.route),
        rule: names.map_or("", |names| &names.rule),
        backend: backend.unwrap_or(""),
        endpoint: record.endpoint,
        attempts: record.attempts,
        total,
        upstream: record.upstream_time,
        bytes_in: exchange.up.body_bytes,
        bytes_out: exchange.down.body_bytes,
        request_id: request.head.get(Name::XRequestId).unwrap_or_default(),
        user_agent: request.head.get(Name::UserAgent).unwrap_or_default(),
        detail: record
            .fault
            .as_ref()
            .and_then(|fault| fault.detail.as_deref())
            .unwrap_or(record.note),
    };
    if let Some(log) = &mut *connection.worker.log.borrow_mut() {
        log.line(&entry);
    }
}
