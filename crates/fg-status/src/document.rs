//! What `ferrogate check -o yaml|json` prints: one document for each object, then all findings.

use fg_api::report::Report;
use fg_base::Text;
use fg_model::{Finding, FindingKind, ObjectRef, Severity, kinds};
use serde::Serialize;

use crate::acks::Acknowledgements;
use crate::cluster::Verdicts;
use crate::objects::{Status, cluster_status, status};

/// An object with its status, in the shape of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Such as `gateway.networking.k8s.io/v1`.
    pub api_version: &'static str,
    /// Kind.
    pub kind: Text,
    /// Who it is.
    pub metadata: DocumentMeta,
    /// Its status.
    pub status: Status,
}

/// `metadata` of a [`Document`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentMeta {
    /// Name.
    pub name: Text,
    /// Namespace; absent for cluster-scoped kinds.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: Text,
    /// Generation.
    pub generation: i64,
}

/// One entry of the list of findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingEntry {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, one word.
    pub reason: FindingKind,
    /// Kind of the object.
    pub kind: Text,
    /// Namespace of the object.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub namespace: Text,
    /// Name of the object.
    pub name: Text,
    /// Absolute field path; absent for the object as a whole.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub path: Text,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Source file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Text>,
    /// Line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Pieces of information.
    pub infos: usize,
}

/// The document of an object, where one process serves everything.
pub fn document(report: &Report, acks: &Acknowledgements) -> Document {
    with_status(report, status(report, acks))
}

/// The document of an object in a cluster; see [`cluster_status`].
pub fn cluster_document(report: &Report, verdicts: &Verdicts) -> Document {
    with_status(report, cluster_status(report, verdicts))
}

fn with_status(report: &Report, status: Status) -> Document {
    Document {
        api_version: api_version(&report.object),
        kind: report.object.kind.clone(),
        metadata: DocumentMeta {
            name: report.object.name.clone(),
            namespace: report.object.namespace.clone(),
            generation: report.generation,
        },
        status,
    }
}

/// The version in which objects that have a status here are written.
fn api_version(object: &ObjectRef) -> &'static str {
    if object.is(kinds::BACKEND) {
        "gateway.kgateway.dev/v1alpha1"
    } else {
        "gateway.networking.k8s.io/v1"
    }
}

impl From<&Finding> for FindingEntry {
    fn from(finding: &Finding) -> Self {
        let object = &finding.about.object;
        let place = finding.place.as_ref();
        Self {
            severity: finding.severity,
            reason: finding.kind,
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            path: finding.about.path.clone(),
            message: finding.text.clone(),
            hint: finding.hint.clone(),
            file: place.map(|place| place.file.clone()),
            line: place.map(|place| place.line).filter(|line| *line > 0),
        }
    }
}

/// Counts findings.
pub fn summary<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Summary {
    let mut summary = Summary::default();
    for finding in findings {
        match finding.severity {
            Severity::Error => summary.errors += 1,
            Severity::Warning => summary.warnings += 1,
            Severity::Info => summary.infos += 1,
        }
    }
    summary
}
