//! From the command line to the proxy's settings.

use fg_proxy::Settings;
use fg_telemetry::access_log::Format;

use crate::cli::{AccessLog, PlaneArgs};

/// The proxy's settings: its defaults, and whatever the command line says.
pub(crate) fn settings(args: &PlaneArgs) -> Settings {
    let mut settings = Settings {
        release_memory: Some(crate::memory::release),
        ..Settings::default()
    };
    let (serving, limits, trust) = (&args.serving, &args.limits, &args.trust);
    set(&mut settings.workers, serving.workers.map(usize::from));
    set(&mut settings.idle_timeout, serving.idle_timeout);
    set(&mut settings.head_timeout, serving.head_timeout);
    set(&mut settings.body_timeout, serving.body_timeout);
    set(&mut settings.reply_timeout, serving.reply_timeout);
    set(&mut settings.connect_timeout, serving.connect_timeout);
    set(&mut settings.avoid_endpoint, serving.avoid_endpoint);
    set(&mut settings.handshake_timeout, serving.handshake_timeout);
    set(&mut settings.tunnel_timeout, serving.tunnel_timeout);
    set(
        &mut settings.upstream_idle_timeout,
        serving.upstream_idle_timeout,
    );
    set(
        &mut settings.upstream_idle_connections,
        serving.upstream_idle_connections,
    );
    set(&mut settings.max_connections, limits.max_connections);
    set(&mut settings.max_handshakes, limits.max_handshakes);
    set(&mut settings.max_request_body, limits.max_request_body);
    set(&mut settings.replay_buffer, limits.retry_body_buffer);
    set(&mut settings.mirror_buffer, limits.mirror_body_buffer);
    set(
        &mut settings.max_requests_per_connection,
        limits.max_requests_per_connection,
    );
    set(&mut settings.limits.head, limits.max_head_bytes);
    set(
        &mut settings.limits.request_line,
        limits.max_request_line_bytes,
    );
    set(
        &mut settings.limits.fields,
        limits.max_header_fields.map(usize::from),
    );
    set(
        &mut settings.session_secret,
        serving.session_secret_file.clone(),
    );
    settings.reason_header = serving.reason_header.is_on();
    settings.trusted_peers.clone_from(&trust.trusted_peers);
    settings.trusted_hops = trust.trusted_hops;
    settings.forwarded_headers = trust.forwarded_headers.is_on();
    settings.request_id = trust.request_id.is_on();
    settings.underscore_names = trust.underscore_names.is_on();
    let sockets = &args.sockets;
    settings.port_map = sockets.port_map.iter().copied().collect();
    settings.reserved = vec![
        sockets.admin.admin_address,
        sockets.readiness_address,
        sockets.metrics_address,
    ];
    settings.access_log = match args.logging.access_log {
        AccessLog::Off => Format::Off,
        AccessLog::Text => Format::Text,
        AccessLog::Json => Format::Json,
    };
    settings
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}
