//! The admin pages: what serves, what is wrong, what would happen, how much is logged.
//!
//! Only on loopback, only for loopback `Host` names, changes by POST only, and no page of another
//! site's origin may make them. Nothing here holds a secret: the IR has none in clear.

use std::sync::Arc;

use crate::query::pairs;
use crate::site::{Answer, Ask, Site, is_loopback};

const INDEX: &str = "\
ferrogate admin

GET  /config     what serves: listeners, rules, backends, endpoints, each with its origin (JSON)
GET  /status     the status of every object, and the findings (JSON)
GET  /explain    what happens to a request: ?url=http://host/path [&method=GET] [&header=name: value]... [&output=json]
GET  /log        how much is logged
POST /log        changes it: ?level=debug (or info, warn, error, trace, or a filter such as fg_control=debug)
GET  /drain      whether this proxy is out of service, and its open connections and listeners (JSON)
POST /drain      takes it out of service: not ready any more; requests are still answered
";

/// What the admin pages show, and the one thing that they change.
pub trait AdminSource: Send + Sync + 'static {
    /// The configuration that serves, as JSON.
    fn config(&self) -> String;

    /// The status of every object and the findings, as JSON.
    fn status(&self) -> String;

    /// What would happen to a request, as text or JSON.
    ///
    /// # Errors
    /// What is wrong with the question, in the user's words.
    fn explain(&self, query: &ExplainQuery) -> Result<String, String>;

    /// How much is logged.
    fn log_level(&self) -> String;

    /// Changes how much is logged.
    ///
    /// # Errors
    /// What is wrong with the level, in the user's words.
    fn set_log_level(&self, level: &str) -> Result<(), String>;

    /// Whether it is being taken out of service; `leave` says that it is from now on. `None`: this
    /// process ends by SIGTERM only.
    fn drain(&self, leave: bool) -> Option<Drain> {
        let _ = leave;
        None
    }
}

/// Whether a process is being taken out of service, and what still holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drain {
    /// Whether it was told to leave.
    pub draining: bool,
    /// Client connections that are open.
    pub connections: usize,
    /// Listeners that it serves.
    pub listeners: usize,
}

/// The question of `/explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainQuery {
    /// Method; empty means `GET`.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Header fields as `name: value`.
    pub headers: Vec<String>,
    /// JSON instead of text.
    pub json: bool,
}

/// Answers the admin pages.
pub struct AdminSite(pub Arc<dyn AdminSource>);

impl Site for AdminSite {
    /// The whole configuration as JSON takes its time.
    fn is_slow(&self) -> bool {
        true
    }

    fn answer(&self, ask: &Ask) -> Answer {
        if !is_loopback(&ask.host) {
            return Answer::text(421, "only loopback names are answered here\n");
        }
        let foreign = |origin: &str| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            !is_loopback(host)
        };
        if ask.origin.as_deref().is_some_and(foreign) {
            return Answer::text(403, "pages of other sites may not ask here\n");
        }
        match (ask.method.as_str(), ask.path.as_str()) {
            ("GET" | "HEAD", "/") => Answer::text(200, INDEX),
            ("GET" | "HEAD", "/config") => Answer::json(self.0.config()),
            ("GET" | "HEAD", "/status") => Answer::json(self.0.status()),
            ("GET" | "HEAD", "/explain") => self.explain(ask),
            ("GET" | "HEAD", "/log") => Answer::text(200, format!("{}\n", self.0.log_level())),
            ("POST", "/log") => self.set_log(ask),
            ("GET" | "HEAD", "/drain") => self.drain(false),
            ("POST", "/drain") => self.drain(true),
            (_, "/log" | "/drain") => Answer::method_not_allowed("GET, POST"),
            (_, "/" | "/config" | "/status" | "/explain") => Answer::method_not_allowed("GET"),
            _ => Answer::not_found(),
        }
    }
}

impl AdminSite {
    fn explain(&self, ask: &Ask) -> Answer {
        let mut query = ExplainQuery::default();
        for (name, value) in pairs(&ask.query) {
            match name.as_str() {
                "method" => query.method = value,
                "url" => query.url = value,
                "header" => query.headers.push(value),
                "output" if value == "json" => query.json = true,
                "output" if value == "text" => query.json = false,
                _ => return Answer::text(400, format!("unknown parameter `{name}={value}`\n")),
            }
        }
        if query.url.is_empty() {
            return Answer::text(400, "say which: ?url=http://host/path\n");
        }
        match self.0.explain(&query) {
            Ok(body) if query.json => Answer::json(body),
            Ok(body) => Answer::text(200, body),
            Err(wrong) => Answer::text(400, format!("{wrong}\n")),
        }
    }

    fn drain(&self, leave: bool) -> Answer {
        match self.0.drain(leave) {
            None => Answer::text(404, "this process is ended by SIGTERM; it has no /drain\n"),
            Some(drain) => Answer::json(format!(
                "{{\"draining\":{},\"connections\":{},\"listeners\":{}}}\n",
                drain.draining, drain.connections, drain.listeners
            )),
        }
    }

    fn set_log(&self, ask: &Ask) -> Answer {
        let in_query =
            pairs(&ask.query).find_map(|(name, value)| (name == "level").then_some(value));
        let body = String::from_utf8_lossy(&ask.body);
        let level = in_query.unwrap_or_else(|| {
            let body = body.trim();
            body.strip_prefix("level=").unwrap_or(body).to_owned()
        });
        if level.is_empty() {
            return Answer::text(400, "say which: ?level=debug\n");
        }
        match self.0.set_log_level(&level) {
            Ok(()) => Answer::text(200, format!("{}\n", self.0.log_level())),
            Err(wrong) => Answer::text(400, format!("{wrong}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Fake(Mutex<String>);

    impl AdminSource for Fake {
        fn config(&self) -> String {
            "{}".to_owned()
        }

        fn status(&self) -> String {
            "[]".to_owned()
        }

        fn explain(&self, query: &ExplainQuery) -> Result<String, String> {
            Ok(format!("{query:?}"))
        }

        fn log_level(&self) -> String {
            self.0.lock().expect("not poisoned").clone()
        }

        fn set_log_level(&self, level: &str) -> Result<(), String> {
            if level == "loud" {
                return Err("no such level".to_owned());
            }
            level.clone_into(&mut self.0.lock().expect("not poisoned"));
            Ok(())
        }
    }

    fn site() -> AdminSite {
        AdminSite(Arc::new(Fake(Mutex::new("info".to_owned()))))
    }

    fn ask(method: &str, target: &str) -> Ask {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ask {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            host: "localhost:19000".to_owned(),
            ..Ask::default()
        }
    }

    #[test]
    fn the_log_level_changes_by_post_only() {
        let site = site();
        assert_eq!(site.answer(&ask("GET", "/log?level=debug")).body, "info\n");
        assert_eq!(site.answer(&ask("PUT", "/log?level=debug")).status, 405);
        assert_eq!(
            site.answer(&ask("POST", "/log?level=debug")).body,
            "debug\n"
        );
        let mut with_body = ask("POST", "/log");
        with_body.body = b"level=warn\n".to_vec();
        assert_eq!(site.answer(&with_body).body, "warn\n");
        assert_eq!(site.answer(&ask("POST", "/log?level=loud")).status, 400);
        assert_eq!(site.answer(&ask("POST", "/config")).status, 405);
    }

    #[test]
    fn other_names_and_other_sites_are_turned_away() {
        let site = site();
        let mut rebound = ask("GET", "/config");
        rebound.host = "evil.com".to_owned();
        assert_eq!(site.answer(&rebound).status, 421);
        let mut forged = ask("POST", "/log?level=trace");
        forged.origin = Some("https://evil.com".to_owned());
        assert_eq!(site.answer(&forged).status, 403);
        assert_eq!(site.0.log_level(), "info");
        forged.origin = Some("http://localhost:19000".to_owned());
        assert_eq!(site.answer(&forged).status, 200);
    }

    #[test]
    fn explain_gets_its_question() {
        let answer = site().answer(&ask(
            "GET",
            "/explain?url=http%3A%2F%2Fa%2Fb&method=PUT&header=x%3A+1&header=y%3A2&output=json",
        ));
        let expected = ExplainQuery {
            method: "PUT".to_owned(),
            url: "http://a/b".to_owned(),
            headers: vec!["x: 1".to_owned(), "y:2".to_owned()],
            json: true,
        };
        assert_eq!(answer, Answer::json(format!("{expected:?}")));
        assert_eq!(site().answer(&ask("GET", "/explain")).status, 400);
        assert_eq!(site().answer(&ask("GET", "/explain?uri=x")).status, 400);
    }

    #[test]
    fn the_index_names_every_page() {
        let index = site().answer(&ask("GET", "/")).body;
        for page in ["/config", "/status", "/explain", "/log"] {
            assert!(index.contains(page), "{page}");
        }
        assert_eq!(site().answer(&ask("GET", "/nope")).status, 404);
    }
}
