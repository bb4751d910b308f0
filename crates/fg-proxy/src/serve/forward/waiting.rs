//! Sending a request and waiting for the head of its reply.

use std::task::{Context, Poll};

use fg_exchange::{Fault, Name, Reason, Retry};
use fg_http::h1::{HeadScan, ParsedReply, parse_reply};

use super::failure::{Failure, request_failure};
use super::{DOWN_ROOM, Job, UP_ROOM};
use crate::serve::connection::Connection;
use crate::serve::exchange::Exchange;
use crate::serve::flow::FlowError;
use crate::serve::upstream::Upstream;

/// Waiting for the head of a reply.
pub(super) struct Waiting<'a, 'j> {
    pub(super) job: &'a mut Job<'j>,
    pub(super) upstream: &'a mut Upstream,
    /// How far the head was looked through.
    pub(super) scan: HeadScan,
    /// The whole request was sent.
    pub(super) sent: bool,
    /// The backend takes no more of it.
    pub(super) broken: bool,
}

impl Waiting<'_, '_> {
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Failure>> {
        self.job.connection.timer.attach(context);
        if !self.sent
            && !self.broken
            && let Err(failure) = self.poll_request(context)
        {
            return Poll::Ready(Err(failure));
        }
        if let Poll::Ready(head) = self.poll_head(context) {
            // The gateway alone says why it answered by itself: no backend may seem to be it.
            self.job.exchange.reply.head.remove(Name::XFerrogateReason);
            return Poll::Ready(head.map_err(Failure::from));
        }
        if self.sent && self.job.connection.poll_watch(context).is_err() {
            return Poll::Ready(Err(Fault::new(Reason::ClientClosed).into()));
        }
        self.check_time(context)
    }

    fn poll_request(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        let settings = &self.job.connection.worker.shared.settings;
        let patience = settings.body_timeout;
        let Connection { client, timer, .. } = &mut *self.job.connection;
        let up = &mut self.job.exchange.up;
        match up.poll(context, client, self.upstream.stream(), UP_ROOM, || {
            timer.set(patience)
        }) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.sent = true;
                // What was read beyond the body is the start of the next request.
                up.give_rest(&mut self.job.connection.carry);
                self.job
                    .connection
                    .timer
                    .set(self.job.connection.worker.shared.settings.reply_timeout);
                Ok(())
            }
            Poll::Ready(Err(FlowError::To(error))) => {
                if self.upstream.reused && !up.any_sent {
                    return Err(Fault::new(Reason::UpstreamReset)
                        .retry(Retry::Stale)
                        .detail(error)
                        .into());
                }
                // It may have replied early; that reply counts.
                self.broken = true;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(request_failure(error)),
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Fault>> {
        let limits = &self.job.connection.worker.shared.settings.limits;
        let Exchange { request, reply, .. } = &mut *self.job.exchange;
        if self.upstream.is_http2() {
            let method = request.method();
            let head = self.upstream.poll_reply(context, method, reply, limits);
            return head.map_err(|error| self.failed(error));
        }
        let mut have = !reply.head.bytes().is_empty();
        loop {
            if have && self.scan.may_be_complete(reply.head.bytes()) {
                match parse_reply(reply, request.method(), limits) {
                    Ok(None) => {}
                    Ok(Some(parsed)) => return Poll::Ready(Ok(parsed)),
                    Err(fault) => return Poll::Ready(Err(fault)),
                }
            }
            let read = self
                .upstream
                .stream()
                .poll_recv(context, reply.head.bytes_mut(), DOWN_ROOM);
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => have = true,
                Poll::Ready(end) => return Poll::Ready(Err(self.ended(end.err()))),
            }
        }
    }

    /// There is no reply by HTTP/2.
    fn failed(&self, error: std::io::Error) -> Fault {
        use std::io::ErrorKind::{ConnectionRefused, FileTooLarge, InvalidData};
        match error.kind() {
            InvalidData => Fault::new(Reason::BadReply).detail(error),
            FileTooLarge => Fault::new(Reason::ReplyTooLarge),
            // The backend did nothing with it.
            ConnectionRefused if !self.job.exchange.up.gone => Fault::new(Reason::UpstreamReset)
                .retry(Retry::Stale)
                .detail(error),
            _ => self.ended(Some(error)),
        }
    }

    /// The backend's connection ended before a whole reply head.
    fn ended(&self, error: Option<std::io::Error>) -> Fault {
        let exchange = &self.job.exchange;
        let reason = if error.is_some() {
            Reason::UpstreamReset
        } else {
            Reason::UpstreamClosed
        };
        let replayable = exchange.request.method().is_idempotent()
            && exchange.up.is_received()
            && !exchange.up.gone;
        let stale = self.upstream.reused && exchange.reply.head.bytes().is_empty() && replayable;
        let fault = match error {
            Some(error) => Fault::new(reason).detail(error),
            None => Fault::new(reason),
        };
        if stale {
            fault.retry(Retry::Stale)
        } else {
            fault
        }
    }

    fn check_time(&mut self, context: &mut Context<'_>) -> Poll<Result<ParsedReply, Failure>> {
        if let Poll::Ready(fault) = self.job.clocks.poll(context) {
            return Poll::Ready(Err(fault.into()));
        }
        if self.job.connection.timer.is_expired() {
            let waits_for_client = !self.sent && !self.broken && !self.job.exchange.up.is_stuck();
            let reason = if waits_for_client {
                Reason::RequestTimeout
            } else {
                Reason::UpstreamTimeout
            };
            return Poll::Ready(Err(Fault::new(reason).into()));
        }
        Poll::Pending
    }
}
