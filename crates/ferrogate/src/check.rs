//! `ferrogate check`: what is wrong with a folder or a cluster.

use std::process::ExitCode;

use fg_model::Severity;

use crate::cli::{CheckArgs, CheckOutput};
use crate::exit;
use crate::folder::options;
use crate::loaded::Loaded;
use crate::report::{self, Report};

/// Prints the findings, or every object's status and the findings.
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mut loaded = match Loaded::read(args.place(), options(args.translation, args.served_by)) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(exit::usage(&error)),
    };
    // Nothing is bound here; a cluster's status of a Gateway that can be bound is what is asked for.
    loaded.control.assume_bound();
    let findings = loaded.findings();
    let text = match args.output {
        CheckOutput::Text => report::text(&findings, loaded.objects(), loaded.others()),
        CheckOutput::Yaml => Report::new(loaded.control.documents(), &findings).yaml()?,
        CheckOutput::Json => Report::new(loaded.control.documents(), &findings).json()?,
    };
    exit::print(&text);
    let wrong = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if wrong {
        exit::FAILED
    } else {
        ExitCode::SUCCESS
    })
}
