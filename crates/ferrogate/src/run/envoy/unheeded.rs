//! Settings that our own proxy follows and Envoy does not.

use crate::cli::{LimitArgs, PlaneArgs, ServingArgs, Switch, TrustArgs};

/// The flags that were given, or set by the environment, for nothing as far as Envoy is concerned.
pub(super) fn unheeded(args: &PlaneArgs) -> Vec<&'static str> {
    let all = serving(&args.serving)
        .into_iter()
        .chain(limits(&args.limits))
        .chain(trust(&args.trust));
    let given = all.filter(|(_, is_given)| *is_given);
    given.map(|(flag, _)| flag).collect()
}

type Given = (&'static str, bool);

// Every field is named, so that a new one has to be thought of here.

fn serving(args: &ServingArgs) -> Vec<Given> {
    let ServingArgs {
        workers: _,
        drain_timeout: _,
        idle_timeout,
        head_timeout,
        body_timeout,
        reply_timeout,
        connect_timeout,
        avoid_endpoint,
        handshake_timeout,
        tunnel_timeout,
        upstream_idle_timeout,
        upstream_idle_connections,
        session_secret_file,
        reason_header: _,
    } = args;
    vec![
        ("--idle-timeout", idle_timeout.is_some()),
        ("--head-timeout", head_timeout.is_some()),
        ("--body-timeout", body_timeout.is_some()),
        ("--reply-timeout", reply_timeout.is_some()),
        ("--connect-timeout", connect_timeout.is_some()),
        ("--avoid-endpoint", avoid_endpoint.is_some()),
        ("--handshake-timeout", handshake_timeout.is_some()),
        ("--tunnel-timeout", tunnel_timeout.is_some()),
        ("--upstream-idle-timeout", upstream_idle_timeout.is_some()),
        (
            "--upstream-idle-connections",
            upstream_idle_connections.is_some(),
        ),
        ("--session-secret-file", session_secret_file.is_some()),
    ]
}

fn limits(args: &LimitArgs) -> Vec<Given> {
    let LimitArgs {
        max_connections: _,
        max_handshakes,
        max_requests_per_connection,
        max_head_bytes,
        max_request_line_bytes,
        max_header_fields,
        max_request_body,
        retry_body_buffer,
        mirror_body_buffer,
        // Of our own metrics.
        max_metric_series: _,
    } = args;
    vec![
        ("--max-handshakes", max_handshakes.is_some()),
        (
            "--max-requests-per-connection",
            max_requests_per_connection.is_some(),
        ),
        ("--max-head-bytes", max_head_bytes.is_some()),
        ("--max-request-line-bytes", max_request_line_bytes.is_some()),
        ("--max-header-fields", max_header_fields.is_some()),
        ("--max-request-body", max_request_body.is_some()),
        ("--retry-body-buffer", retry_body_buffer.is_some()),
        ("--mirror-body-buffer", mirror_body_buffer.is_some()),
    ]
}

fn trust(args: &TrustArgs) -> Vec<Given> {
    let TrustArgs {
        trusted_peers,
        trusted_hops,
        forwarded_headers,
        request_id,
        underscore_names,
    } = args;
    vec![
        ("--trusted-peers", !trusted_peers.is_empty()),
        ("--trusted-hops", *trusted_hops > 0),
        ("--forwarded-headers", *forwarded_headers != Switch::On),
        ("--request-id", *request_id != Switch::On),
        ("--underscore-names", *underscore_names != Switch::Off),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn given(flags: &[&str]) -> Vec<&'static str> {
        let words = [&["ferrogate", "run"], flags].concat();
        match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Command::Run(args)) => unheeded(&args.plane),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_given_is_named_and_what_envoy_follows_is_not() {
        assert_eq!(given(&[]), [""; 0]);
        let heeded = [
            "--workers=1",
            "--drain-timeout=1s",
            "--max-connections=9",
            "--reason-header=off",
        ];
        assert_eq!(given(&heeded), [""; 0]);
        let others = [
            "--trusted-peers=10.0.0.0/8",
            "--underscore-names=on",
            "--max-request-body=9",
            "--idle-timeout=1s",
        ];
        let named = [
            "--idle-timeout",
            "--max-request-body",
            "--trusted-peers",
            "--underscore-names",
        ];
        assert_eq!(given(&others), named);
    }
}
