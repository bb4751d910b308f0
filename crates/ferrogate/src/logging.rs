//! The process log: text on standard error, with a level that can be changed while it runs.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The way to the level of the log.
#[derive(Clone)]
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

/// Starts the log at a level such as `info`, or with a filter such as `info,fg_control=debug`.
///
/// # Errors
/// When the level is none.
pub(crate) fn start(level: &str) -> Result<LogLevel, String> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    Ok(LogLevel(handle))
}

impl LogLevel {
    /// The filter as it is.
    pub(crate) fn get(&self) -> String {
        self.0
            .with_current(ToString::to_string)
            .unwrap_or_else(|_| "unknown".to_owned())
    }

    /// Changes it, and says so.
    ///
    /// # Errors
    /// When the level is none.
    pub(crate) fn set(&self, level: &str) -> Result<(), String> {
        let filter = filter(level)?;
        self.0.reload(filter).map_err(|error| error.to_string())?;
        tracing::info!(level, "log level changed");
        Ok(())
    }
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    // Without this check, a word that is no level would be taken for the name of a module.
    let plain = !level.contains(['=', ',']);
    if plain
        && level
            .parse::<tracing::level_filters::LevelFilter>()
            .is_err()
    {
        return Err(format!(
            "`{level}` is no log level; use error, warn, info, debug, trace, or a filter such as \
             info,fg_control=debug"
        ));
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|error| format!("`{level}` is no log filter: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_told_from_typing_errors() {
        for good in ["info", "off", "warn,fg_proxy=debug"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["infos", "loud", "a=b=c"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
