//! Steps: what an edit costs, what it reports, and the law.

mod law;
mod work;
