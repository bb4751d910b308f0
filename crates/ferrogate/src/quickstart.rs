//! The built-in example: what `ferrogate run` serves without a folder.
//!
//! Its files are those of `examples/quickstart`, compiled in; its backends are echo servers in this
//! process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::echo;

/// The files: name and text.
const FILES: [(&str, &str); 3] = [
    (
        "gateway.yaml",
        include_str!("../../../examples/quickstart/gateway.yaml"),
    ),
    (
        "routes.yaml",
        include_str!("../../../examples/quickstart/routes.yaml"),
    ),
    (
        BACKENDS,
        include_str!("../../../examples/quickstart/backends.yaml"),
    ),
];

/// The file that names the backends' ports.
const BACKENDS: &str = "backends.yaml";

/// The echo servers: name, and port as the files have it.
const ECHOES: [(&str, u16); 3] = [("shop-v1", 9101), ("shop-v2", 9102), ("cart", 9103)];

/// One thing to try.
pub(crate) struct Try {
    /// What it shows.
    pub(crate) shows: &'static str,
    /// Arguments of curl before the URL.
    pub(crate) arguments: &'static str,
    /// Path and query.
    pub(crate) path: &'static str,
}

/// What to try, and what it shows.
pub(crate) const TRIES: [Try; 5] = [
    Try {
        shows: "weights: shop-v1 nine times out of ten, else shop-v2",
        arguments: "",
        path: "/",
    },
    Try {
        shows: "a header: shop-v2",
        arguments: "-H 'x-beta: yes' ",
        path: "/",
    },
    Try {
        shows: "a path prefix: cart",
        arguments: "",
        path: "/cart/items",
    },
    Try {
        shows: "a redirect: 301 to /cart/items",
        arguments: "-i ",
        path: "/basket/items",
    },
    Try {
        shows: "a rewrite: cart sees /items, and a header x-from",
        arguments: "",
        path: "/api/cart/items",
    },
];

/// The example with its backends bound.
pub(crate) struct Quickstart {
    /// Name and text of each file, with the ports that were bound.
    pub(crate) files: Vec<(&'static str, String)>,
    /// Socket and name of each echo server.
    pub(crate) echoes: Vec<(TcpListener, Arc<str>)>,
}

/// Binds the backends; one whose port is taken gets any free one.
///
/// # Errors
/// When not even that is there.
pub(crate) fn prepare() -> io::Result<Quickstart> {
    let mut files = FILES.map(|(name, text)| (name, text.to_owned()));
    let mut echoes = Vec::new();
    for (name, wanted) in ECHOES {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let socket = echo::bind(at(wanted)).or_else(|_| echo::bind(at(0)))?;
        let port = socket.local_addr()?.port();
        for (file, text) in &mut files {
            if *file == BACKENDS && port != wanted {
                // The number stands in these files as a port only.
                *text = text.replace(&wanted.to_string(), &port.to_string());
            }
        }
        echoes.push((socket, Arc::from(name)));
    }
    Ok(Quickstart {
        files: files.into(),
        echoes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_name_what_the_code_names() {
        let text = |name| FILES.iter().find(|file| file.0 == name).expect("a file").1;
        for (name, port) in ECHOES {
            let backends = text(BACKENDS);
            assert!(backends.contains(&format!("name: {name}\n")), "{name}");
            assert!(backends.contains(&format!("port: {port}\n")), "{port}");
        }
    }
}
