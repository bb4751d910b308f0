//! What a rule matches on.

use fg_base::Text;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::Pattern;
use crate::secret::{REDACTED, is_secret};

/// How a path is matched. The path is the canonical one, without query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PathMatch {
    /// The whole path, byte for byte.
    Exact(Text),
    /// Whole path elements from the start; kept without a trailing slash, so `/` is the empty string.
    Prefix(Text),
    /// RE2 syntax over the whole path.
    Regex(Pattern),
    /// A gRPC call, whose path is `/service/method`.
    Grpc(GrpcMatch),
}

/// Which gRPC calls: by service and method, each `None` for any.
///
/// Source: Gateway API `GRPCMethodMatch`; gRPC over HTTP/2, "Path".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrpcMatch {
    /// The service with its package: what stands between the first and the last slash.
    pub service: Option<ValueMatch>,
    /// The method: what stands behind the last slash.
    pub method: Option<ValueMatch>,
}

impl GrpcMatch {
    /// The one path that fits, if there is only one.
    pub fn exact(&self) -> Option<Text> {
        match (&self.service, &self.method) {
            (Some(ValueMatch::Exact(service)), Some(ValueMatch::Exact(method))) => {
                Some(format!("/{service}/{method}").into())
            }
            _ => None,
        }
    }

    /// The prefix that fits, if it is all methods of one service.
    pub fn prefix(&self) -> Option<Text> {
        match (&self.service, &self.method) {
            (Some(ValueMatch::Exact(service)), None) => Some(format!("/{service}").into()),
            _ => None,
        }
    }

    /// How much was written for service and method, which is their rank: more wins. Units: bytes.
    pub fn rank(&self) -> (usize, usize) {
        let length = |value: &Option<ValueMatch>| value.as_ref().map_or(0, ValueMatch::length);
        (length(&self.service), length(&self.method))
    }
}

/// How a header's or query parameter's value is matched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ValueMatch {
    /// Byte for byte.
    Exact(Text),
    /// RE2 syntax over the whole value.
    Regex(Pattern),
}

impl ValueMatch {
    /// The length of what was written. Units: bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Exact(text) => text.len(),
            Self::Regex(pattern) => pattern.source().len(),
        }
    }
}

/// One header that must be there with a fitting value. In formats for people, the value of a
/// credential is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: Text,
    /// The value. Several values of one name are one, joined by `, `.
    pub value: ValueMatch,
}

/// One query parameter that must be there with a fitting value. In formats for people, the value
/// of a credential is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct QueryMatch {
    /// Name, case-sensitive, after percent-decoding.
    pub name: Text,
    /// The value, after percent-decoding; the first of several counts.
    pub value: ValueMatch,
}

/// One match of a rule: all of its parts must hold.
///
/// Shape: `headers` and `query` have no two entries of one name (the first was kept) and are
/// sorted by name, so that equal matches are equal values.
/// Source: Gateway API `HTTPRouteMatch`, `GRPCRouteMatch`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Match {
    /// The path; the default is the prefix `/`.
    pub path: PathMatch,
    /// The method, upper-case as written; `None` is any.
    pub method: Option<Text>,
    /// Headers, all of them.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters, all of them.
    pub query: Vec<QueryMatch>,
}

impl Match {
    /// What of it Envoy cannot do, in words for the user.
    pub fn lacks_on_envoy(&self) -> Option<&'static str> {
        let (path, grpc) = match &self.path {
            PathMatch::Regex(pattern) => (Some(pattern), None),
            PathMatch::Grpc(call) => (None, Some(call)),
            PathMatch::Exact(_) | PathMatch::Prefix(_) => (None, None),
        };
        let grpc = grpc.into_iter();
        let values = grpc
            .flat_map(|call| call.service.iter().chain(&call.method))
            .chain(self.headers.iter().map(|header| &header.value))
            .chain(self.query.iter().map(|parameter| &parameter.value));
        let patterns = values.filter_map(|value| match value {
            ValueMatch::Regex(pattern) => Some(pattern),
            ValueMatch::Exact(_) => None,
        });
        path.into_iter()
            .chain(patterns)
            .find_map(Pattern::lacks_on_envoy)
    }

    /// The match without the conditions that Envoy cannot ask: it holds wherever the whole one does.
    #[must_use]
    pub fn without_what_envoy_lacks(&self) -> Self {
        let can_be_asked = |value: &ValueMatch| match value {
            ValueMatch::Exact(_) => true,
            ValueMatch::Regex(pattern) => pattern.lacks_on_envoy().is_none(),
        };
        let mut wider = self.clone();
        wider.headers.retain(|header| can_be_asked(&header.value));
        wider.query.retain(|one| can_be_asked(&one.value));
        match &mut wider.path {
            PathMatch::Regex(pattern) if pattern.lacks_on_envoy().is_some() => {
                wider.path = PathMatch::Prefix("".into());
            }
            PathMatch::Grpc(call) => {
                call.service.take_if(|value| !can_be_asked(value));
                call.method.take_if(|value| !can_be_asked(value));
            }
            PathMatch::Regex(_) | PathMatch::Exact(_) | PathMatch::Prefix(_) => {}
        }
        wider
    }
}

impl Serialize for HeaderMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(serializer, "HeaderMatch", &self.name, &self.value)
    }
}

impl Serialize for QueryMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(serializer, "QueryMatch", &self.name, &self.value)
    }
}

fn serialize<S: Serializer>(
    serializer: S,
    what: &'static str,
    name: &Text,
    value: &ValueMatch,
) -> Result<S::Ok, S::Error> {
    let hides = serializer.is_human_readable() && is_secret(name);
    let mut fields = serializer.serialize_struct(what, 2)?;
    fields.serialize_field("name", name)?;
    if hides {
        fields.serialize_field("value", REDACTED)?;
    } else {
        fields.serialize_field("value", value)?;
    }
    fields.end()
}
