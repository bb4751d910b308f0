//! `ferrogate explain`: what would happen to a request.

use std::process::ExitCode;

use fg_proxy::Settings;

use crate::cli::{ExplainArgs, ExplainOutput};
use crate::exit;
use crate::folder::options;
use crate::loaded::Loaded;
use crate::question::{Asked, Known};

/// Prints the explanation; fails when no rule serves the request, or the gateway answers it with an
/// error of its own.
pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let (place, url) = match args.place() {
        Ok(both) => both,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    let asked = match Asked::new(&args.method, url, &args.headers) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(exit::usage(&wrong)),
    };
    let loaded = match Loaded::read(place, options(args.translation, args.served_by)) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(exit::usage(&error)),
    };
    let explanation = asked.explain(&Known {
        ir: loaded.control.ir(),
        findings: &loaded.findings(),
        asking: &|host| loaded.asking(host),
        locate: &|origin| loaded.place(origin),
        plane: &|gateway| loaded.control.plane(gateway).unwrap_or_default(),
        settings: &Settings {
            port_map: args.port_map.iter().copied().collect(),
            ..Settings::default()
        },
    });
    match args.output {
        ExplainOutput::Text => exit::print(&explanation.to_string()),
        ExplainOutput::Json => {
            exit::print(&(serde_json::to_string_pretty(&explanation)? + "\n"));
        }
    }
    Ok(if explanation.is_served() {
        ExitCode::SUCCESS
    } else {
        exit::FAILED
    })
}
