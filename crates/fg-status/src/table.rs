//! The one table from what is wrong to condition, status and reason.
//!
//! Findings of severity error decide conditions; warnings and information do not. Within one
//! condition the row that stands first wins: a missing grant outranks a missing object.
//! Source: Gateway API v1.7.0, the reasons of each condition type.

use fg_model::{Finding, FindingKind, Scope, Severity};

use crate::cluster::ROUTE_PROGRAMMED;
use crate::condition::{Condition, ConditionStatus, words};

/// What has conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Class,
    Gateway,
    Listener,
    Route,
    Backend,
    Policy,
    ListenerSet,
}

/// One row: on this subject this kind of finding gives this condition that status and reason.
struct Row(
    Subject,
    FindingKind,
    &'static str,
    ConditionStatus,
    &'static str,
);

/// The table.
#[rustfmt::skip] // one row a line
const TABLE: &[Row] = {
    use ConditionStatus::{False, True};
    use FindingKind as Kind;
    use Subject::{Backend, Class, Gateway, Listener, ListenerSet, Policy, Route};
    &[
        Row(Class, Kind::UnsupportedClass, "Accepted", False, "Unsupported"),
        Row(Class, Kind::UnsupportedVersion, "SupportedVersion", False, "UnsupportedVersion"),
        Row(Class, Kind::InvalidParameters, "Accepted", False, "InvalidParameters"),
        Row(Gateway, Kind::ClassNotAccepted, "Accepted", False, "Pending"),
        Row(Gateway, Kind::InvalidParameters, "Accepted", False, "InvalidParameters"),
        Row(Gateway, Kind::UnsupportedAddress, "Accepted", False, "UnsupportedAddress"),
        Row(Gateway, Kind::RefNotPermitted, "ResolvedRefs", False, "RefNotPermitted"),
        Row(Gateway, Kind::InvalidClientCertificateRef, "ResolvedRefs", False, "InvalidClientCertificateRef"),
        Row(Gateway, Kind::AddressNotUsable, "Programmed", False, "AddressNotUsable"),
        Row(Gateway, Kind::PlaneUnavailable, "Programmed", False, "Pending"),
        Row(Gateway, Kind::RefusedByPlane, "Programmed", False, "Invalid"),
        Row(Listener, Kind::ProtocolConflict, "Accepted", False, "ProtocolConflict"),
        Row(Listener, Kind::ProtocolConflict, "Conflicted", True, "ProtocolConflict"),
        Row(Listener, Kind::HostnameConflict, "Accepted", False, "HostnameConflict"),
        Row(Listener, Kind::HostnameConflict, "Conflicted", True, "HostnameConflict"),
        Row(Listener, Kind::UnsupportedProtocol, "Accepted", False, "UnsupportedProtocol"),
        Row(Listener, Kind::NoValidCaCertificate, "Accepted", False, "NoValidCACertificate"),
        Row(Listener, Kind::PortUnavailable, "Accepted", False, "PortUnavailable"),
        Row(Listener, Kind::UnsupportedValue, "Accepted", False, "UnsupportedValue"),
        Row(Listener, Kind::InvalidSelector, "Accepted", False, "UnsupportedValue"),
        Row(Listener, Kind::SchemaViolation, "Accepted", False, "UnsupportedValue"),
        Row(Listener, Kind::RefNotPermitted, "ResolvedRefs", False, "RefNotPermitted"),
        Row(Listener, Kind::InvalidCertificateRef, "ResolvedRefs", False, "InvalidCertificateRef"),
        Row(Listener, Kind::InvalidCaCertificateRef, "ResolvedRefs", False, "InvalidCACertificateRef"),
        Row(Listener, Kind::InvalidCaCertificateKind, "ResolvedRefs", False, "InvalidCACertificateKind"),
        Row(Listener, Kind::InvalidRouteKinds, "ResolvedRefs", False, "InvalidRouteKinds"),
        Row(Route, Kind::NoMatchingParent, "Accepted", False, "NoMatchingParent"),
        Row(Route, Kind::NotAllowedByListeners, "Accepted", False, "NotAllowedByListeners"),
        Row(Route, Kind::NoMatchingListenerHostname, "Accepted", False, "NoMatchingListenerHostname"),
        Row(Route, Kind::HostnameConflict, "Accepted", False, "HostnameConflict"),
        Row(Route, Kind::IncompatibleFilters, "Accepted", False, "IncompatibleFilters"),
        Row(Route, Kind::UnsupportedValue, "Accepted", False, "UnsupportedValue"),
        Row(Route, Kind::RuleDropped, "PartiallyInvalid", True, "UnsupportedValue"),
        Row(Route, Kind::RefNotPermitted, "ResolvedRefs", False, "RefNotPermitted"),
        Row(Route, Kind::InvalidKind, "ResolvedRefs", False, "InvalidKind"),
        Row(Route, Kind::FilterNotFound, "ResolvedRefs", False, "InvalidKind"),
        Row(Route, Kind::BackendNotFound, "ResolvedRefs", False, "BackendNotFound"),
        Row(Route, Kind::InvalidBackend, "ResolvedRefs", False, "BackendNotFound"),
        Row(Route, Kind::UnsupportedBackendProtocol, "ResolvedRefs", False, "UnsupportedProtocol"),
        Row(Route, Kind::RefusedByPlane, ROUTE_PROGRAMMED, False, "Rejected"),
        Row(Backend, Kind::InvalidBackend, "Accepted", False, "Invalid"),
        Row(Backend, Kind::UnsupportedBackendProtocol, "Accepted", False, "Invalid"),
        Row(ListenerSet, Kind::SetNotAllowed, "Accepted", False, "NotAllowed"),
        Row(Policy, Kind::PolicyConflict, "Accepted", False, "Conflicted"),
        Row(Policy, Kind::TargetNotFound, "Accepted", False, "TargetNotFound"),
        Row(Policy, Kind::InvalidPolicy, "Accepted", False, "Invalid"),
        Row(Policy, Kind::NoValidCaCertificate, "Accepted", False, "NoValidCACertificate"),
        Row(Policy, Kind::InvalidCaCertificateRef, "ResolvedRefs", False, "InvalidCACertificateRef"),
        Row(Policy, Kind::InvalidKind, "ResolvedRefs", False, "InvalidKind"),
    ]
};

/// Judges conditions of one subject by the findings about it.
pub(crate) struct Judge<'a> {
    subject: Subject,
    generation: i64,
    findings: Vec<&'a Finding>,
}

impl<'a> Judge<'a> {
    /// Of all findings about an object, those whose scope fits.
    pub(crate) fn new(
        subject: Subject,
        generation: i64,
        findings: impl IntoIterator<Item = &'a Finding>,
        scopes: &[Scope],
    ) -> Self {
        let findings = findings
            .into_iter()
            .filter(|finding| {
                finding.severity == Severity::Error && scopes.contains(&finding.scope)
            })
            .collect();
        Self {
            subject,
            generation,
            findings,
        }
    }

    /// What the findings say about a condition, if they say anything.
    pub(crate) fn found(&self, condition: &'static str) -> Option<Condition> {
        let rows = TABLE
            .iter()
            .filter(|row| row.0 == self.subject && row.2 == condition);
        let (row, kind) = rows
            .map(|row| (row, row.1))
            .find(|(_, kind)| self.findings.iter().any(|finding| finding.kind == *kind))?;
        let why = self
            .findings
            .iter()
            .copied()
            .filter(|finding| finding.kind == kind);
        Some(self.condition(condition, row.3, row.4, words(why)))
    }

    /// The condition by the findings; `True` with that reason and message when nothing is wrong.
    pub(crate) fn or_true(
        &self,
        condition: &'static str,
        reason: &'static str,
        message: &str,
    ) -> Condition {
        self.found(condition).unwrap_or_else(|| {
            self.condition(condition, ConditionStatus::True, reason, message.to_owned())
        })
    }

    /// A condition of this generation.
    pub(crate) fn condition(
        &self,
        kind: &'static str,
        status: ConditionStatus,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Condition {
        Condition {
            kind,
            status,
            observed_generation: self.generation,
            reason,
            message: message.into(),
        }
    }
}
