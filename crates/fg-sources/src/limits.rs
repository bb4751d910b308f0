//! How much a folder may hold.

/// Bounds on what is read. Beyond one of them there is a finding, and what was served stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file. Units: bytes. Default 16 MiB.
    pub file_size: u64,
    /// The most documents (and entries of lists of objects) of one file. Default 10,000.
    pub documents: usize,
    /// The most values in one file, each scalar, list and map counted, those from aliases too.
    /// Default 2,000,000.
    pub nodes: usize,
    /// The most of those values that may stand behind anchors or come from aliases. Default
    /// 100,000.
    pub alias_nodes: usize,
    /// The deepest nesting of lists and maps, that of aliases included. Default 64.
    pub depth: usize,
    /// The most files. Default 100,000.
    pub files: usize,
    /// The deepest nesting of folders. Default 32.
    pub folders: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_size: 16 * 1024 * 1024,
            documents: 10_000,
            nodes: 2_000_000,
            alias_nodes: 100_000,
            depth: 64,
            files: 100_000,
            folders: 32,
        }
    }
}
