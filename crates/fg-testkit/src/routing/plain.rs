//! Requests in words.

use fg_exchange::{Method, Request};

/// A request in words.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The method.
    pub method: String,
    /// The host, without a port; may be empty.
    pub host: String,
    /// The path, as it was sent.
    pub path: String,
    /// What stands behind the `?`, if there is one.
    pub query: Option<String>,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
}

impl Plain {
    /// A request from text: method, host, path with query; then headers.
    ///
    /// # Panics
    /// When it is not of three words.
    pub fn new(line: &str, headers: &[(&str, &str)]) -> Self {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("method, host and target");
        let (method, host, target) = (word(), word(), word());
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = headers.iter();
        Self {
            method: method.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            query,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    /// Path and query.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The request as our own proxy has it.
    pub fn request(&self) -> Request {
        let mut request = Request::new();
        for (name, value) in &self.headers {
            request.head.append(name, value.as_bytes());
        }
        let text = request.head.keep(self.method.as_bytes());
        request.set_method(Method::resolve(self.method.as_bytes()), text);
        request.set_authority(self.host.as_bytes());
        let query = self.query.as_ref();
        let query = query.map(|query| request.head.keep(query.as_bytes()));
        let path = request.head.keep(self.path.as_bytes());
        request.set_target(path, query);
        request
    }
}
