//! One request and its reply as every filter sees it: the head, the facts, the verdict, the fault,
//! and the traits of filters. Knows no socket, no HTTP library and no protocol version.

pub mod body;
mod edit;
mod facts;
mod fault;
mod field;
mod filter;
pub mod grpc;
mod head;
mod name;
mod reply;
mod request;
mod session;
mod setting;
mod waiting;

pub use edit::{is_token, is_value};
pub use facts::{Facts, Scheme};
pub use fault::{Fault, Reason, Retry};
pub use field::{Field, Span};
pub use filter::{Filter, LocalReply, Part, Verdict};
pub use head::{Head, OddNames, is_forwarded_name};
pub use name::{Name, WORDS};
pub use reply::Reply;
pub use request::{CheckedAuthority, Method, Request, Version};
pub use session::{Carrier, Session};
pub use setting::{Mirror, Retries, Setting};
pub use waiting::{Answer, Call, Decision, WaitingFilter};
