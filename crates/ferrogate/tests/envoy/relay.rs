//! A relay between Envoy and its control plane, which a test can cut, or fill with silence.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::ground::program;
use crate::support::Folder;

/// What the relay does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Passes it on.
    Open,
    /// Closes connections, new ones too: the control plane is gone.
    Cut,
    /// Takes it and does nothing: packets are lost on the way.
    Silent,
}

/// The relay. Envoy is started by [`Relay::program`].
pub(crate) struct Relay {
    shared: Arc<Shared>,
    folder: Folder,
    program: PathBuf,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    way: Way,
    /// Connections that Envoy has opened so far.
    opened: usize,
    /// What Envoy was sent so far.
    told: Vec<u8>,
    sockets: Vec<TcpStream>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while nothing goes through.
    fn wait(&self) {
        let waited = self
            .changed
            .wait_while(self.lock(), |state| state.way == Way::Silent);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Relay {
    /// Before an Envoy of a version. `hurried` writes other times into its bootstrap, in which they have
    /// to stand: pairs of what stands there and what is written.
    pub(crate) fn new(version: &str, hurried: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("it is bound");
        let folder = Folder::new();
        let program = folder.path().join("envoy");
        write_program(&program, folder.path(), version, address, hurried);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                way: Way::Open,
                opened: 0,
                told: Vec::new(),
                sockets: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let relay = shared.clone();
        let port = folder.path().join("port");
        // It ends with the test's process.
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (relay, port) = (relay.clone(), port.clone());
                std::thread::spawn(move || carry(&relay, &port, socket));
            }
        });
        Self {
            shared,
            folder,
            program,
        }
    }

    /// The program that is started for Envoy.
    pub(crate) fn program(&self) -> &str {
        self.program.to_str().expect("temporary paths are UTF-8")
    }

    /// The bootstrap that Envoy was started with.
    pub(crate) fn bootstrap(&self) -> String {
        let path = self.folder.path().join("bootstrap.json");
        std::fs::read_to_string(path).expect("Envoy was started")
    }

    /// From now on it does so.
    pub(crate) fn turn(&self, way: Way) {
        let mut state = self.shared.lock();
        state.way = way;
        if way == Way::Cut {
            for socket in state.sockets.drain(..) {
                // The other side may have closed it.
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
    }

    /// Connections that Envoy has opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.shared.lock().opened
    }

    /// How much Envoy was sent so far. Units: bytes.
    pub(crate) fn told(&self) -> usize {
        self.shared.lock().told.len()
    }

    /// What Envoy was sent behind the first so many bytes: names and texts can be read.
    pub(crate) fn words(&self, since: usize) -> String {
        let state = self.shared.lock();
        String::from_utf8_lossy(&state.told[since..]).into_owned()
    }
}

/// A program that starts the real one with another address of the control plane, and keeps the right one.
fn write_program(
    at: &Path,
    folder: &Path,
    version: &str,
    address: SocketAddr,
    hurried: &[(&str, &str)],
) {
    let (folder, real) = (folder.display(), program(version));
    let mut times = String::new();
    for (before, after) in hurried {
        assert!(![before, after].iter().any(|text| text.contains('/')));
        times += &format!(" -e 's/{before}/{after}/'");
    }
    let script = format!(
        "#!/bin/sh
# Envoy behind a relay: the address in its bootstrap becomes another one.
for argument; do
  case \"$argument\" in
    *.json)
      sed -n 's/.*\"port_value\": \\([0-9]*\\).*/\\1/p' \"$argument\" > {folder}/port.new
      sed -e 's/\"port_value\": [0-9]*/\"port_value\": {}/'{times} \"$argument\" > {folder}/bootstrap.json
      cat {folder}/bootstrap.json > \"$argument\"
      mv {folder}/port.new {folder}/port;;
  esac
done
exec {real} \"$@\"
",
        address.port(),
    );
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(at, script).expect("it can be written");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(at, all).expect("it is ours");
}

/// Carries one connection.
fn carry(shared: &Arc<Shared>, port: &Path, from: TcpStream) {
    let mut state = shared.lock();
    state.opened += 1;
    if state.way == Way::Cut {
        return;
    }
    drop(state);
    shared.wait();
    let port = std::fs::read_to_string(port).expect("Envoy was started");
    let port: u16 = port
        .trim()
        .parse()
        .expect("one address stands in the bootstrap");
    let Ok(to) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let both = [&from, &to].map(|socket| socket.try_clone().expect("a descriptor"));
    shared.lock().sockets.extend(both);
    let [ask, answer] = [(&from, &to), (&to, &from)]
        .map(|(from, to)| [from, to].map(|socket| socket.try_clone().expect("a descriptor")));
    std::thread::scope(|scope| {
        scope.spawn(|| copy(shared, ask, false));
        copy(shared, answer, true);
    });
}

fn copy(shared: &Shared, [mut from, mut to]: [TcpStream; 2], is_told: bool) {
    let mut buffer = [0; 16_384];
    loop {
        let count = from.read(&mut buffer).unwrap_or_default();
        shared.wait();
        if is_told {
            shared.lock().told.extend_from_slice(&buffer[..count]);
        }
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    for socket in [from, to] {
        // The other side may have closed it.
        let _ = socket.shutdown(Shutdown::Both);
    }
}
