//! Taking the child out of service: no new connections, requests under way are finished.

use std::time::{Duration, Instant};

use super::admin::Admin;

/// How often it is asked what is left.
const LOOK: Duration = Duration::from_millis(50);

/// Returns when nothing is under way, or after `timeout`.
pub(super) fn drain(admin: &Admin, timeout: Duration) {
    let end = Instant::now() + timeout;
    // Answers say that the connection ends, then nothing is listened on any more.
    let told = admin
        .post("/healthcheck/fail")
        .and_then(|_| admin.post("/drain_listeners"));
    if let Err(error) = told {
        tracing::warn!(%error, "Envoy cannot be told to drain");
        return;
    }
    loop {
        match under_way(admin) {
            Ok(0) => {
                tracing::info!("Envoy is drained");
                return;
            }
            Ok(_) if Instant::now() < end => std::thread::park_timeout(LOOK),
            Ok(left) => {
                tracing::warn!(left, "requests under way at Envoy are cut off");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "Envoy does not say what is under way");
                return;
            }
        }
    }
}

fn under_way(admin: &Admin) -> std::io::Result<u64> {
    Ok(sum(
        &admin.get("/stats?usedonly&filter=downstream_rq_active")?
    ))
}

/// The sum of `name: number` lines, but for the request that asks.
fn sum(lines: &str) -> u64 {
    let clients = lines
        .lines()
        .filter(|line| !line.starts_with("http.admin."));
    let numbers = clients.filter_map(|line| line.rsplit_once(": "));
    numbers
        .filter_map(|(_, number)| number.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_over_all_sockets() {
        let page = "http.admin.downstream_rq_active: 1\nhttp.a.downstream_rq_active: 2\nhttp.b.downstream_rq_active: 1\n";
        assert_eq!(sum(page), 3);
        assert_eq!(sum("No recorded values\n"), 0);
    }
}
