//! The tries of a request: the first, and whether, when and with whom there is another.

use std::future::Future as _;
use std::task::Poll;
use std::time::{Duration, Instant};

use fg_exchange::{Fault, Reason, Retries, Retry};
use fg_http::h1::{Framing, ParsedReply};
use fg_telemetry::RetryOutcome;

use super::Job;
use super::clocks::clock;
use super::failure::Failure;
use crate::generation::Cluster;
use crate::serve::retry;
use crate::serve::retry::Terms;
use crate::serve::upstream::{self, Speak, Upstream};

/// The tries of one request.
#[derive(Default)]
pub(super) struct Tries {
    /// How often it was sent again.
    count: u32,
    /// It was counted how the retries came out.
    counted: bool,
}

/// Why a request shall be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// No backend saw it.
    Unseen,
    /// A backend answered it, or took too long.
    Answered,
}

impl<'a> Job<'a> {
    fn retries(&self) -> Option<&'a Retries> {
        self.route.rule.chain.retries.as_ref()
    }

    fn terms_of_retries(&self) -> Terms {
        let settings = &self.connection.worker.shared.settings;
        Terms {
            percent: settings.retry_percent,
            rate: settings.retry_rate,
        }
    }

    /// Tries until there is a reply for the client, or no more try.
    pub(super) async fn tries(
        &mut self,
        tries: &mut Tries,
        index: usize,
        cluster: &Cluster,
    ) -> Result<(Upstream, ParsedReply), Failure> {
        let tls = cluster
            .tls
            .by(self.route.listener.backend_certificate.as_ref())
            .map_err(Fault::new)?;
        let worker = self.connection.worker.clone();
        let mut failed = None;
        let (mut stale, mut fresh) = (false, false);
        loop {
            self.clocks.attempt = clock(self.route.rule.chain.backend_timeout);
            let wanted = self.exchange.record.session;
            let speak = Speak::to(cluster, self.route.rule.rule.kind);
            self.exchange.record.attempts += 1;
            let get = upstream::get(&worker, cluster, wanted, failed, fresh, speak, tls);
            let (fault, address) = match self.within(get).await {
                Ok(Ok(mut upstream)) => {
                    fresh = false;
                    let address = upstream.address;
                    match self.one_try(&mut upstream).await {
                        Ok(parsed) if self.wants_retry() => {
                            if !self.may_retry(tries, index) {
                                return Ok((upstream, parsed));
                            }
                            self.put_away(upstream, &parsed);
                            self.begin_again(tries, Why::Answered, cluster).await?;
                            failed = Some(address);
                            continue;
                        }
                        Ok(parsed) => return Ok((upstream, parsed)),
                        Err(Failure::Fault(fault)) if fault.retry == Retry::Stale && !stale => {
                            upstream.retire();
                            (stale, fresh) = (true, true);
                            worker.stats.upstream_retried.increment();
                            self.rewind();
                            continue;
                        }
                        Err(Failure::Fault(fault)) => {
                            // It may be that nobody is there any more.
                            if fault.reason == Reason::UpstreamTimeout {
                                upstream.retire();
                            }
                            if self.exchange.up.is_stuck() {
                                upstream.abandon();
                            }
                            (fault, Some(address))
                        }
                        Err(answer) => return Err(answer),
                    }
                }
                Ok(Err(upstream::Refused { fault, address })) => {
                    self.exchange.record.endpoint = address;
                    (fault, address)
                }
                // Nothing was sent yet.
                Err(fault) if fault.reason == Reason::UpstreamTimeout => {
                    (fault.retry(Retry::Unsent), None)
                }
                Err(fault) => return Err(fault.into()),
            };
            match self.why_retry(&fault, tries, cluster) {
                Some(why) if self.may_retry(tries, index) => {
                    self.begin_again(tries, why, cluster).await?;
                    failed = address;
                }
                _ => return Err(fault.into()),
            }
        }
    }

    /// Sends the request once and waits for the head of the reply.
    async fn one_try(&mut self, upstream: &mut Upstream) -> Result<ParsedReply, Failure> {
        self.exchange.record.endpoint = Some(upstream.address);
        if self.terms.parsed.hop.upgrade {
            self.within(upstream.settle()).await??;
        }
        self.start(upstream)?;
        // Only the access log wants to know.
        let logs = self.connection.worker.shared.settings.access_log
            != fg_telemetry::access_log::Format::Off;
        let sent_at = logs.then(Instant::now);
        let parsed = self.attempt(upstream).await?;
        self.exchange.record.upstream_time = sent_at.map(|sent_at| sent_at.elapsed());
        Ok(parsed)
    }

    /// Prepares for tries: keeps the body as it goes, and lets the backend's budget know.
    pub(super) fn expect_retries(&mut self, backend: usize) {
        if self.retries().is_none_or(|retries| retries.attempts == 0) {
            return;
        }
        let worker = &self.connection.worker;
        let now = worker.sweep.now_millis();
        worker
            .budgets
            .request(backend, self.terms_of_retries(), now);
        let most = worker.shared.settings.replay_buffer;
        // What will not fit is not even begun to be kept.
        let fits = match self.body {
            Framing::Length(length) => usize::try_from(length).is_ok_and(|length| length <= most),
            Framing::Chunked | Framing::UntilClose => true,
        };
        if fits {
            self.exchange.up.keep(most);
        }
    }

    /// Whether a request that shall be sent again may be; counts it when it may not.
    fn may_retry(&mut self, tries: &mut Tries, backend: usize) -> bool {
        // Without `retry`, whether there is another try was decided by `why_retry`.
        let Some(retries) = self.retries() else {
            return true;
        };
        let worker = &self.connection.worker;
        let denied = if tries.count >= retries.attempts {
            Some(RetryOutcome::Exhausted)
        } else if self.exchange.up.gone {
            self.exchange.record.note = "not tried again: its body is larger than what is kept";
            Some(RetryOutcome::NotReplayable)
        } else if !worker
            .budgets
            .take(backend, self.terms_of_retries(), worker.sweep.now_millis())
        {
            self.exchange.record.note = "not tried again: the backend's retry budget is spent";
            Some(RetryOutcome::OverBudget)
        } else {
            None
        };
        if let Some(denied) = denied {
            self.count_retries(tries, denied);
        }
        denied.is_none()
    }

    /// Makes the request as it was before it was sent, and waits for the time to send it again.
    async fn begin_again(
        &mut self,
        tries: &mut Tries,
        why: Why,
        cluster: &Cluster,
    ) -> Result<(), Fault> {
        tries.count += 1;
        self.connection.worker.stats.upstream_retried.increment();
        self.rewind();
        let Some(retries) = self.retries() else {
            return Ok(());
        };
        // Another endpoint need not recover first.
        let elsewhere = why == Why::Unseen && tries.count == 1 && cluster.endpoints.len() > 1;
        if elsewhere && retries.backoff.is_none() {
            return Ok(());
        }
        let pause = retry::pause(retries, tries.count, &self.connection.worker.random);
        self.pause(pause).await
    }

    /// Makes the request as it was before it was sent.
    fn rewind(&mut self) {
        self.exchange.up.rewind();
        self.exchange.reply.clear();
    }

    /// Waits, but not longer than the exchange may take or the client is there.
    async fn pause(&mut self, pause: Duration) -> Result<(), Fault> {
        self.clocks.attempt = None;
        let mut over = clock(Some(pause));
        let clocks = &mut self.clocks;
        let received = self.exchange.up.is_received();
        let connection = &mut *self.connection;
        std::future::poll_fn(|context| {
            if let Poll::Ready(fault) = clocks.poll(context) {
                return Poll::Ready(Err(fault));
            }
            if received && connection.poll_watch(context).is_err() {
                return Poll::Ready(Err(Fault::new(Reason::ClientClosed)));
            }
            let over = over.as_mut().map(|over| over.as_mut().poll(context));
            over.unwrap_or(Poll::Ready(())).map(Ok)
        })
        .await
    }

    /// Whether a reply asks for another try.
    fn wants_retry(&self) -> bool {
        self.retries().is_some_and(|retries| {
            retries.attempts > 0
                && retry::is_wanted(retries, &self.exchange.request, &self.exchange.reply)
        })
    }

    /// Why a failed try asks for another one, if it does.
    fn why_retry(&self, fault: &Fault, tries: &Tries, cluster: &Cluster) -> Option<Why> {
        let unseen = match fault.retry {
            // A second time in a row, that is a stream which the backend refused.
            Retry::Unsent | Retry::Stale => true,
            Retry::Never => false,
        };
        match self.retries() {
            // Once more, elsewhere: nothing was sent.
            None => (unseen
                && tries.count == 0
                && cluster.endpoints.len() > 1
                && !self.exchange.up.gone)
                .then_some(Why::Unseen),
            Some(retries) if retries.attempts == 0 => None,
            Some(_) if unseen => Some(Why::Unseen),
            // A try that took too long counts as its status, if the rule names it.
            Some(retries) => (fault.reason == Reason::UpstreamTimeout
                && retries.codes.binary_search(&504).is_ok())
            .then_some(Why::Answered),
        }
    }

    /// Counts how the retries of the request came out, once, if it had or wanted any.
    pub(super) fn count_retries(&self, tries: &mut Tries, outcome: RetryOutcome) {
        let none = (self.retries().is_none() || tries.count == 0)
            && matches!(outcome, RetryOutcome::Recovered | RetryOutcome::Failed);
        if !none && !tries.counted {
            tries.counted = true;
            self.connection.worker.stats.retried(outcome);
        }
    }

    /// Lets go of a backend whose reply is not wanted: keeps the connection when all of the reply
    /// is here already.
    fn put_away(&self, upstream: Upstream, parsed: &ParsedReply) {
        let here = self.exchange.reply.head.bytes().len();
        let whole = match parsed.body {
            Framing::Length(length) => usize::try_from(length)
                .is_ok_and(|length| parsed.head_len.checked_add(length) == Some(here)),
            Framing::Chunked | Framing::UntilClose => false,
        };
        let up = &self.exchange.up;
        if whole && parsed.hop.keep_alive && up.is_received() && up.is_sent() {
            upstream.release(&self.connection.worker);
        }
    }
}
