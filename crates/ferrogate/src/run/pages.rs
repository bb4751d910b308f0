//! What the admin pages show of a running process.

use std::sync::Arc;

use fg_admin::{AdminSource, ExplainQuery};
use fg_control::Control;
use fg_model::{Finding, Origin, Place};
use fg_proxy::Settings;

use crate::folder::Source;
use crate::logging::LogLevel;
use crate::pages::{self, json};
use crate::question::Known;
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

/// The way to the state.
pub(crate) type Shared = pages::Shared<State>;

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
            let findings = findings(&state);
            Report::new(state.control.documents(), &findings)
        };
        json(&report)
    }

    fn explain(&self, query: &ExplainQuery) -> Result<String, String> {
        // The lock is held for copying and for looking up lines, not while tables are compiled.
        let (ir, findings) = {
            let state = self.state.lock();
            let findings = findings(&state);
            (state.control.ir().clone(), findings)
        };
        pages::explanation(query, |asked| {
            asked.explain(&Known {
                ir: &ir,
                findings: &findings,
                asking: &|host| {
                    let state = self.state.lock();
                    let source = state.source.as_ref();
                    source.map(|source| source.asking(host)).unwrap_or_default()
                },
                locate: &|origin| self.state.lock().source.as_ref()?.place(origin),
                plane: &|gateway| {
                    let state = self.state.lock();
                    state.control.plane(gateway).unwrap_or_default()
                },
                settings: &self.settings,
            })
        })
    }

    fn log_level(&self) -> String {
        self.level.get()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        self.level.set(level)
    }
}

/// Everything that is wrong, each with its place.
fn findings(state: &State) -> Vec<Arc<Finding>> {
    let locate = |origin: &Origin| place(state, origin);
    let mut findings = state.control.placed_findings(&locate);
    if let Some(source) = &state.source {
        source.add_places_behind(&mut findings);
    }
    findings
}

/// The file of an object and its first line there: cheap, unlike the line of a field.
fn place(state: &State, origin: &Origin) -> Option<Place> {
    let whole = Origin::of(origin.object.clone(), origin.generation);
    state.source.as_ref()?.place(&whole)
}
