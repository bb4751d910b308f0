//! The end of a connection whose client may still be sending.

use std::task::Poll;
use std::time::Duration;

use super::connection::Connection;

/// How much a client may send that nobody reads any more before we give up on it. Units: bytes.
const BYTES: usize = 1024 * 1024;
/// How long we wait for a client to read our last words.
const TIME: Duration = Duration::from_secs(2);
/// Room for each read of what nobody wants. Units: bytes.
const READ: usize = 4096;

impl Connection {
    /// Lets the client read what was sent: closing with unread bytes would reset the connection and
    /// could destroy our last reply on its way.
    pub(super) async fn linger(mut self) {
        self.timer.set(TIME);
        let (client, timer) = (&mut self.client, &self.timer);
        let mut left = BYTES;
        let mut shut = false;
        let mut sink = Vec::with_capacity(READ);
        std::future::poll_fn(|context| {
            timer.attach(context);
            if !shut {
                match client.poll_shutdown(context) {
                    Poll::Ready(Ok(())) => shut = true,
                    // The end of TLS is something to send, which a client may not take either.
                    Poll::Pending if !timer.is_expired() => return Poll::Pending,
                    _ => {
                        client.abandon();
                        return Poll::Ready(());
                    }
                }
            }
            loop {
                if timer.is_expired() || left == 0 {
                    return Poll::Ready(());
                }
                sink.clear();
                match client.poll_recv(context, &mut sink, READ) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count)) if count > 0 => left = left.saturating_sub(count),
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }
}
