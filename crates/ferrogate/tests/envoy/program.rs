//! Which Envoy is started, and what is said when there is none.

use crate::ground::{child, condition, envoy, fake, folder, folder_of_both, wait_for_words};
use crate::support::process::ferrogate;
use crate::support::{Echo, Folder, Gateway, get, until};

/// A PATH and a home in which there is nothing but what a test puts there.
pub(crate) struct Home(Folder);

impl Home {
    fn new() -> Self {
        Self(Folder::new())
    }

    /// As `--install-envoy` leaves it, with a link to the newest Envoy.
    pub(crate) fn with_installed(version: &str) -> Self {
        let home = Self::new();
        home.install(version);
        home
    }

    fn install(&self, version: &str) {
        let at = format!(".cache/ferrogate/envoy/{version}/envoy/_bin");
        let at = self.0.path().join(at);
        std::fs::create_dir_all(&at).expect("it is ours");
        std::os::unix::fs::symlink(envoy(), at.join("envoy")).expect("it can be linked");
    }

    /// Begins to serve a folder.
    pub(crate) fn begin(&self, ip: &str, folder: &Folder, args: &[&str]) -> Gateway {
        Gateway::launch(ip, Some(folder.arg()), args, |args| {
            let mut command = ferrogate(args);
            command.env("PATH", self.0.path());
            command.env("HOME", self.0.path());
            command.env_remove("XDG_CACHE_HOME");
            command
        })
    }
}

#[test]
fn what_is_native_serves_while_envoy_is_missing_or_too_old() {
    let ip = "127.34.3.1";
    let echo = Echo::start(ip, 9101, "shop");
    let folder = folder_of_both(ip, echo.address);
    let home = Home::new();
    let args = ["--port-map", "81=8081"];
    let gateway = home.begin(ip, &folder, &args);
    gateway.wait_ready();
    let own = get(gateway.socket(8081), "/").expect("it serves");
    assert_eq!(own.echo().as_deref(), Some("shop"));
    let said = wait_for_words(&gateway, "error: Gateway default/web:");
    assert!(said.contains("there is no `envoy` in the PATH"), "{said}");
    assert!(said.contains("install Envoy 1.36 or later"), "{said}");
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "False/Pending"
    );
    assert_eq!(
        condition(&gateway, "Gateway", "own", "Programmed"),
        "True/Programmed"
    );
    assert!(get(gateway.listener(), "/").is_err());
    let explained = gateway.admin("/explain?url=http://localhost/").body;
    assert!(
        explained.contains("look at   Envoy does not serve it: there is no `envoy` in the PATH"),
        "{explained}"
    );

    let program = home.0.path().join("envoy");
    fake(
        &program,
        "envoy  version: 0123/1.35.9/Clean/RELEASE/BoringSSL",
    );
    let said = wait_for_words(&gateway, "is Envoy 1.35, which is too old");
    assert!(said.contains(program.to_str().expect("UTF-8")), "{said}");
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "False/Pending"
    );

    // It is found when it comes.
    std::fs::remove_file(&program).expect("it is ours");
    std::os::unix::fs::symlink(envoy(), &program).expect("it can be linked");
    gateway.wait_for_echo("/", "shop");
    wait_for_words(&gateway, "resolved: ");
    // It serves a moment before it has said that it does.
    until("the Gateway to be programmed", || {
        (condition(&gateway, "Gateway", "web", "Programmed") == "True/Programmed").then_some(())
    });
}

#[test]
fn without_anything_else_to_serve_it_is_not_ready() {
    let ip = "127.34.3.2";
    let folder = folder(ip);
    let args = ["--envoy", "/nowhere/envoy"];
    let gateway = Gateway::begin(ip, Some(folder.arg()), &args);
    let said = wait_for_words(&gateway, "error: Gateway default/web:");
    assert!(
        said.contains("/nowhere/envoy is no Envoy: No such file"),
        "{said}"
    );
    assert!(said.contains("with `--envoy`"), "{said}");
    let ready = get(gateway.socket(8082), "/ready").expect("it answers");
    assert_eq!(ready.status, 503);
}

#[test]
fn one_that_ends_at_once_is_started_again_with_pauses() {
    let ip = "127.34.3.3";
    let folder = folder(ip);
    let home = Home::new();
    let program = home.0.path().join("envoy");
    fake(
        &program,
        "envoy  version: 0123/1.38.0/Clean/RELEASE/BoringSSL",
    );
    let gateway = home.begin(ip, &folder, &[]);
    wait_for_words(
        &gateway,
        "Envoy ended with exit code 0; it is started again again_in=250ms",
    );
    wait_for_words(&gateway, "again_in=500ms");
    wait_for_words(&gateway, "again_in=1s");
    assert_eq!(
        condition(&gateway, "Gateway", "web", "Programmed"),
        "False/Pending"
    );
}

#[test]
fn an_installed_one_is_found_without_a_flag() {
    let ip = "127.34.3.4";
    let folder = folder(ip);
    let home = Home::with_installed("1.9.0");
    home.install("1.40.0");
    let gateway = home.begin(ip, &folder, &[]);
    gateway.wait_ready();
    let program = std::fs::read_link(format!("/proc/{}/exe", child(&gateway).as_raw_nonzero()));
    assert_eq!(program.expect("it runs").to_str(), Some(&*envoy()));
    let said = wait_for_words(&gateway, "Envoy started");
    assert!(said.contains("envoy/1.40.0/envoy"), "the newest: {said}");
}
