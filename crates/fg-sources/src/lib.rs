//! Where API objects come from: folders of files, and the API server of a cluster.
//!
//! [`files::Folder`] turns files into objects and findings; [`watch::Watch`] tells it which files
//! changed. Both are plain threads and files: no runtime. [`kube::watch`] is asynchronous and gives
//! the same from a cluster.

mod builtin;
pub mod files;
pub mod kube;
mod limits;
pub mod watch;
mod yaml;

pub use limits::Limits;
