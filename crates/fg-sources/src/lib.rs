//! Folders of files as a source of API objects: found, read, judged, identified, and watched.
//!
//! [`files::Folder`] turns files into objects and findings; [`watch::Watch`] tells it which files
//! changed. Both are plain threads and files: no runtime.

mod builtin;
pub mod files;
mod limits;
pub mod watch;
mod yaml;

pub use limits::Limits;
