//! The child where there is no Envoy: it is missing.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::program::{Lack, Program};
use crate::cli::EnvoyArgs;

/// What would be started.
pub(super) struct Launch {
    pub(super) args: EnvoyArgs,
    pub(super) bootstrap: PathBuf,
    pub(super) workers: usize,
    pub(super) drain: Duration,
}

/// What became of the child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "it is only ever missing")]
pub(crate) enum News {
    /// There is no Envoy.
    Missing(Lack),
    /// It was started.
    Started(Program),
    /// It ended by itself.
    Ended {
        /// How.
        words: String,
        /// When it is started again.
        pause: Duration,
    },
}

/// None.
pub(super) struct Child;

impl Child {
    /// Tells that there is none.
    pub(super) fn start(launch: Launch, tell: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        let _ = (launch.args, launch.bootstrap, launch.workers, launch.drain);
        tell(News::Missing(Lack {
            words: "Envoy does not run on this system".to_owned(),
            hint: "use the class `ferrogate`".to_owned(),
        }));
        Ok(Self)
    }

    /// Nothing to end.
    pub(super) fn end(self) {}
}
