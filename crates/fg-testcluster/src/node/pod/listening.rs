//! Whether a container without a readiness probe listens on one of its ports yet.
//!
//! A kubelet calls such a container ready as soon as its process runs, before it can listen. Here it waits for that up
//! to a second, so that the first connection to a fresh pod is not refused by chance. It looks into `/proc`: nothing
//! connects to the container.

use std::{fs, time::Duration};

use tokio::time::Instant;

use super::probe::Target;

const PATIENCE: Duration = Duration::from_secs(1);

/// Returns when one of the ports declared is open, when a second is over, or at once if no port is declared.
pub(super) async fn wait(target: &Target) {
    let Some(process) = target.process else {
        return;
    };
    let ports: Vec<u16> = target
        .container
        .ports
        .iter()
        .flatten()
        .filter_map(|port| u16::try_from(port.container_port).ok())
        .collect();
    if ports.is_empty() {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            // The process enters the pod's namespace first: until then these are the node's own sockets.
            let text =
                fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
            if entered(target, process) && open_ports(&text).any(|port| ports.contains(&port)) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn entered(target: &Target, process: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(link) = &target.place.link else {
        return true;
    };
    let inode = |path: &std::path::Path| fs::metadata(path).ok().map(|meta| meta.ino());
    inode(&link.path()) == inode(format!("/proc/{process}/ns/net").as_ref())
}

/// Ports of listening TCP sockets (state 0A) and of unconnected UDP sockets (07).
fn open_ports(table: &str) -> impl Iterator<Item = u16> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let (_, port) = local.split_once(':')?;
        matches!(state, "0A" | "07").then(|| u16::from_str_radix(port, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_ports_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
             \x20  0: 00000000:0BB8 00000000:0000 0A 00000000:00000000\n\
             \x20  1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000\n";
        assert_eq!(open_ports(table).collect::<Vec<_>>(), [3000]);
    }
}
