//! What the admin pages show of a running process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fg_admin::{AdminSource, ExplainQuery};
use fg_control::Control;
use fg_model::{Origin, Place};
use fg_proxy::Settings;

use crate::folder::Source;
use crate::logging::LogLevel;
use crate::pages::{self, json};
use crate::question::{Asked, Known};
use crate::report::Report;

/// The control plane's state, changed by the main thread and read by the admin pages.
#[derive(Default)]
pub(crate) struct State {
    /// The control plane.
    pub(crate) control: Control,
    /// Where its objects come from; `None` before the first look.
    pub(crate) source: Option<Source>,
    /// The configuration that serves.
    pub(crate) generation: u64,
}

/// The way to the state. Held for one step, or for copying what a page shows.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// The state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A page that panicked has changed nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pages.
pub(crate) struct Pages {
    /// What they show.
    pub(crate) state: Shared,
    /// The level of the log.
    pub(crate) level: LogLevel,
    /// The proxy's settings.
    pub(crate) settings: Settings,
}

impl AdminSource for Pages {
    fn config(&self) -> String {
        // A copy, whose values are shared, so that the page is written without the lock.
        let (ir, generation) = {
            let state = self.state.lock();
            (state.control.ir().clone(), state.generation)
        };
        pages::configuration(ir, generation)
    }

    fn status(&self) -> String {
        let report = {
            let state = self.state.lock();
            let findings = state
                .control
                .placed_findings(&|origin| place(&state, origin));
            Report::new(state.control.documents(), &findings)
        };
        json(&report)
    }

    fn explain(&self, query: &ExplainQuery) -> Result<String, String> {
        let method = if query.method.is_empty() {
            "GET"
        } else {
            &query.method
        };
        let asked = Asked::new(method, &query.url, &query.headers)?;
        // The lock is held for copying and for looking up lines, not while tables are compiled.
        let (ir, findings) = {
            let state = self.state.lock();
            let findings = state
                .control
                .placed_findings(&|origin| place(&state, origin));
            (state.control.ir().clone(), findings)
        };
        let explanation = asked.explain(&Known {
            ir: &ir,
            findings: &findings,
            asking: &|host| {
                let state = self.state.lock();
                let source = state.source.as_ref();
                source.map(|source| source.asking(host)).unwrap_or_default()
            },
            locate: &|origin| self.state.lock().source.as_ref()?.place(origin),
            settings: &self.settings,
        });
        Ok(if query.json {
            json(&explanation)
        } else {
            explanation.to_string()
        })
    }

    fn log_level(&self) -> String {
        self.level.get()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        self.level.set(level)?;
        tracing::info!(level, "log level changed");
        Ok(())
    }
}

/// The file of an object and its first line there: cheap, unlike the line of a field.
fn place(state: &State, origin: &Origin) -> Option<Place> {
    let whole = Origin::of(origin.object.clone(), origin.generation);
    state.source.as_ref()?.place(&whole)
}
