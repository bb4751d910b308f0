//! The requests to the API server, in plain JSON.
//!
//! Not kube's typed ones: a type that does not know a field would lose it, and what others wrote
//! must come back as it was.

use std::time::Duration;

use fg_model::ObjectRef;
use http::Request;
use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::FIELD_MANAGER;
use super::kind::Kind;
use super::live::Object;

/// How many objects a page of a list has. Units: objects.
const PAGE: usize = 250;

/// What server-side apply says of a field that the kind's definition does not have; it comes as an
/// internal error.
const UNDECLARED: &str = "not declared in schema";

/// Why a request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The object, or its whole kind, does not exist.
    #[error("not found")]
    Gone,
    /// The object changed since it was read: read it again.
    #[error("conflict")]
    Conflict,
    /// The API server is busy or away: try again, later.
    #[error("{words}")]
    Later {
        /// How long the server asks to wait.
        after: Option<Duration>,
        /// What it said.
        words: String,
    },
    /// It does not take it: trying again at once would not help.
    #[error("{words}")]
    Refused {
        /// What it said.
        words: String,
        /// Whether the object as a whole is invalid, a 422.
        invalid: bool,
    },
}

impl ApiError {
    /// Whether the body does not fit the definition of the kind.
    pub(super) fn is_about_fields(&self) -> bool {
        match self {
            Self::Gone | Self::Conflict => false,
            Self::Refused { invalid, words } => *invalid || words.contains(UNDECLARED),
            Self::Later { words, .. } => words.contains(UNDECLARED),
        }
    }

    fn later(words: impl ToString) -> Self {
        Self::Later {
            after: None,
            words: words.to_string(),
        }
    }
}

/// The answer to a list.
#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Option<Vec<Object>>,
}

#[derive(Deserialize)]
struct ListMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// One API server, with a deadline on each request.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    timeout: Duration,
}

impl Api {
    pub(super) fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    pub(super) async fn get(&self, kind: &Kind, object: &ObjectRef) -> Result<Object, ApiError> {
        self.send(Request::get(kind.path_of(object)), Vec::new())
            .await
    }

    /// Server-side apply of a status.
    pub(super) async fn apply(
        &self,
        kind: &Kind,
        object: &ObjectRef,
        body: &Value,
    ) -> Result<Object, ApiError> {
        let path = kind.path_of(object);
        let uri = format!("{path}/status?fieldManager={FIELD_MANAGER}&force=true");
        self.patch(uri, "application/apply-patch+yaml", body).await
    }

    /// A merge patch of a status; `body` has the resourceVersion that it was made from.
    pub(super) async fn merge(
        &self,
        kind: &Kind,
        object: &ObjectRef,
        body: &Value,
    ) -> Result<Object, ApiError> {
        let path = kind.path_of(object);
        let uri = format!("{path}/status?fieldManager={FIELD_MANAGER}");
        self.patch(uri, "application/merge-patch+json", body).await
    }

    /// A page of all objects of a kind, and where the next one begins.
    pub(super) async fn list(
        &self,
        kind: &Kind,
        from: Option<&str>,
    ) -> Result<(Vec<Object>, Option<String>), ApiError> {
        let path = kind.path();
        let uri = match from {
            Some(from) => format!("{path}?limit={PAGE}&continue={from}"),
            None => format!("{path}?limit={PAGE}"),
        };
        let page: List = self.send(Request::get(uri), Vec::new()).await?;
        let next = page.metadata.next.filter(|next| !next.is_empty());
        Ok((page.items.unwrap_or_default(), next))
    }

    async fn patch(
        &self,
        uri: String,
        content_type: &'static str,
        body: &Value,
    ) -> Result<Object, ApiError> {
        let body = serde_json::to_vec(body).map_err(ApiError::later)?;
        let request = Request::patch(uri).header(http::header::CONTENT_TYPE, content_type);
        self.send(request, body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<T, ApiError> {
        let request = request.body(body).map_err(|error| ApiError::Refused {
            words: error.to_string(),
            invalid: false,
        })?;
        let reply = self.client.request::<T>(request);
        match tokio::time::timeout(self.timeout, reply).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_) => Err(ApiError::later("no reply in time")),
        }
    }
}

fn judge(error: &kube::Error) -> ApiError {
    let kube::Error::Api(status) = error else {
        return ApiError::later(error);
    };
    let words = status.message.clone();
    let seconds = status
        .details
        .as_ref()
        .map(|details| details.retry_after_seconds);
    let after = seconds.filter(|seconds| *seconds > 0);
    match status.code {
        404 => ApiError::Gone,
        409 => ApiError::Conflict,
        429 | 500.. => ApiError::Later {
            after: after.map(|seconds| Duration::from_secs(seconds.into())),
            words,
        },
        code => ApiError::Refused {
            words,
            invalid: code == 422,
        },
    }
}
