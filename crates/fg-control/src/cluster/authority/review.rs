//! Which Gateway a proxy belongs to, by its ServiceAccount's token.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fg_ads::message::{Node, SemanticVersion};
use fg_ads::{Authenticator, Identity, Protocol};
use fg_model::EnvoyVersion;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;

use super::seconds;
use super::tokens::{Key, Tokens};

/// The audience that tokens of proxies are for.
pub const AUDIENCE: &str = "ferrogate";
/// The key of a node's metadata under which it says `NAMESPACE/NAME` of its Gateway.
pub const GATEWAY: &str = "gateway";

/// Behind the scope of Envoys: what they are served stands apart from what our own proxies are, since
/// a Gateway whose class changes has both for a while.
pub const HOSTS: &str = "+envoy";

/// Behind the scope of Envoys that get whole route configurations: those that ask for the state of
/// the world, and those before 1.37.
pub const WHOLE: &str = "+whole";

/// How long it is believed that a token is good, unless it ends before.
const BELIEVED: Duration = Duration::from_secs(60);
/// How long it is believed that a token is not.
const DISBELIEVED: Duration = Duration::from_secs(10);
/// For the API server's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions at the same time.
const QUESTIONS: usize = 16;
/// No token is longer. Units: bytes.
const LONGEST: usize = 16 << 10;
/// Under it the API server says which pod a token is bound to.
const POD: &str = "authentication.kubernetes.io/pod-name";

/// The name of the ServiceAccount of a Gateway, by namespace and name; none if there is no such
/// Gateway, or it is not ours.
pub type Account = dyn Fn(&str, &str) -> Option<String> + Send + Sync;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    namespace: String,
    account: String,
    pod: Option<String>,
    /// Units: seconds since the epoch; none if the token does not say.
    until: Option<i64>,
}

/// Asks the API server whose a token is, and holds the node to it: its ServiceAccount must be that of
/// the Gateway that it names in its metadata (`gateway`: `NAMESPACE/NAME`), and its id the pod that the
/// token is bound to, if it is bound to one. An Envoy must not be older than those that are served. The
/// scope is `NAMESPACE/NAME`, with [`HOSTS`] behind it for Envoys, or [`WHOLE`] for those that take no
/// virtual hosts alone.
///
/// Answers are remembered for a minute at most.
///
/// Permissions: `create` of `tokenreviews` (`authentication.k8s.io`).
pub struct TokenReviewer {
    reviews: Api<TokenReview>,
    account: Box<Account>,
    questions: Semaphore,
    known: Tokens<Result<Owner, String>>,
}

impl fmt::Debug for TokenReviewer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenReviewer")
            .finish_non_exhaustive()
    }
}

impl TokenReviewer {
    /// With what knows the ServiceAccounts of Gateways.
    pub fn new(
        client: kube::Client,
        account: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            reviews: Api::all(client),
            account: Box::new(account),
            questions: Semaphore::new(QUESTIONS),
            known: Tokens::new(),
        }
    }

    /// Whose a token is: the API server's word, or what it said a short while ago.
    async fn owner(&self, token: &str) -> Result<Owner, Status> {
        let refused = |words: String| Status::unauthenticated(words);
        if token.len() > LONGEST {
            return Err(refused("that is no token".to_owned()));
        }
        let key = Key::of(token);
        if let Some(known) = self.known.get(&key) {
            return known.map_err(refused);
        }
        let asked = timeout(PATIENCE, self.ask(token)).await;
        let late = |_| {
            Err(Status::unavailable(
                "the API server did not say in time whose token it is",
            ))
        };
        let status = asked.unwrap_or_else(late)?;
        let found = judge(status, token);
        let holds = match &found {
            Ok(owner) => left(owner.until).map_or(BELIEVED, |left| left.min(BELIEVED)),
            Err(_) => DISBELIEVED,
        };
        self.known.put(key, found.clone(), holds);
        found.map_err(refused)
    }

    async fn ask(&self, token: &str) -> Result<TokenReviewStatus, Status> {
        let unavailable = |words: String| Status::unavailable(words);
        let closed = |_| unavailable("this control plane is going away".to_owned());
        let _turn = self.questions.acquire().await.map_err(closed)?;
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![AUDIENCE.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let answer = self.reviews.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, "the API server does not review tokens");
            unavailable("the API server does not say whose token it is".to_owned())
        })?;
        Ok(answer.status.unwrap_or_default())
    }
}

#[tonic::async_trait]
impl Authenticator for TokenReviewer {
    async fn admit(&self, token: Option<&str>, _: Option<SocketAddr>) -> Result<(), Status> {
        let token = token.ok_or_else(|| {
            Status::unauthenticated("send a ServiceAccount token: `authorization: Bearer …`")
        })?;
        self.owner(token).await.map(drop)
    }

    async fn identify(
        &self,
        token: Option<&str>,
        node: &Node,
        _: Option<SocketAddr>,
        protocol: Protocol,
    ) -> Result<Identity, Status> {
        let token = token.ok_or_else(|| {
            Status::unauthenticated("send a ServiceAccount token: `authorization: Bearer …`")
        })?;
        let owner = self.owner(token).await?;
        let gateway = node.text(GATEWAY).unwrap_or_default();
        let Some((namespace, name)) = gateway.split_once('/') else {
            return Err(Status::invalid_argument(format!(
                "the node's metadata must name its Gateway: `{GATEWAY}`: `NAMESPACE/NAME`"
            )));
        };
        let wanted = (self.account)(namespace, name);
        let is_its =
            owner.namespace == namespace && wanted.is_some_and(|name| name == owner.account);
        if !is_its {
            // The same words whether there is such a Gateway or not.
            return Err(Status::permission_denied(format!(
                "ServiceAccount {}/{} is not that of a Gateway {gateway}",
                owner.namespace, owner.account
            )));
        }
        if let Some(pod) = owner.pod.filter(|pod| *pod != node.id) {
            return Err(Status::permission_denied(format!(
                "the token is that of pod {pod}, the node says it is {}",
                node.id
            )));
        }
        let valid_for = left(owner.until);
        if valid_for == Some(Duration::ZERO) {
            return Err(Status::unauthenticated("the token expired"));
        }
        is_served(envoy(node))?;
        Ok(Identity {
            scope: scope(gateway, node, protocol),
            valid_for,
        })
    }
}

/// What a proxy of a Gateway (`NAMESPACE/NAME`) is served: see [`TokenReviewer`].
pub fn scope(gateway: &str, node: &Node, protocol: Protocol) -> String {
    let takes_hosts =
        envoy(node).is_none_or(|version| of_minor(version) >= EnvoyVersion::HOSTS_ALONE);
    let kind = match protocol {
        Protocol::Delta if node.user_agent_name != "envoy" => "",
        Protocol::Delta if takes_hosts => HOSTS,
        Protocol::Delta | Protocol::StateOfTheWorld => WHOLE,
    };
    format!("{gateway}{kind}")
}

/// Which Envoy a node is; `None` when it is none, or does not say.
fn envoy(node: &Node) -> Option<&SemanticVersion> {
    let build = node.user_agent_build_version.as_ref();
    let version = build.and_then(|build| build.version.as_ref());
    version.filter(|_| node.user_agent_name == "envoy")
}

const fn of_minor(version: &SemanticVersion) -> EnvoyVersion {
    EnvoyVersion {
        major: version.major_number,
        minor: version.minor_number,
    }
}

/// Whether an Envoy can be served.
///
/// # Errors
/// It is too old.
fn is_served(version: Option<&SemanticVersion>) -> Result<(), Status> {
    let oldest = EnvoyVersion::OLDEST;
    let Some(version) = version.filter(|version| of_minor(version) < oldest) else {
        return Ok(());
    };
    Err(Status::failed_precondition(format!(
        "Envoy {}.{}.{} is too old: Envoys of {oldest} and later are served; \
         change `spec.kube.envoyContainer.image` of the GatewayParameters",
        version.major_number, version.minor_number, version.patch
    )))
}

/// How long until then.
fn left(until: Option<i64>) -> Option<Duration> {
    let left = until?.saturating_sub(seconds(SystemTime::now()));
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// What the API server said, in our words.
fn judge(status: TokenReviewStatus, token: &str) -> Result<Owner, String> {
    if status.authenticated != Some(true) {
        let why = status.error.unwrap_or_default();
        return Err(format!("the API server does not accept the token: {why}"));
    }
    let audiences = status.audiences.unwrap_or_default();
    if !audiences.iter().any(|audience| audience == AUDIENCE) {
        return Err(format!("the token is not for the audience {AUDIENCE}"));
    }
    let user = status.user.unwrap_or_default();
    let username = user.username.unwrap_or_default();
    let account = username
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    let (namespace, account) = account.ok_or_else(|| format!("{username} is no ServiceAccount"))?;
    let pod = user.extra.and_then(|mut extra| extra.remove(POD));
    Ok(Owner {
        namespace: namespace.to_owned(),
        account: account.to_owned(),
        pod: pod.and_then(|names| names.into_iter().next()),
        until: expiry(token),
    })
}

/// When a token ends, by its own word, which the API server has vouched for.
fn expiry(token: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Claims {
        exp: Option<i64>,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok()?.exp
}
