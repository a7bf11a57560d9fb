//! Who may say and hear what: the doors between the accounts, and each user's permissions.

use crate::credentials::{WORKER_API_PREFIX, worker_inbox_prefix};
use crate::topology::worker_consumers;

use super::{User, quote};

/// A gateway takes uploads and shows jobs: it does not remake streams, invite workers or speak for
/// them.
pub(super) const GATEWAY: &str = ", permissions: { publish: { deny: [ \
    \"$JS.API.STREAM.CREATE.>\", \"$JS.API.STREAM.UPDATE.>\", \"$JS.API.STREAM.DELETE.>\", \
    \"$JS.API.STREAM.RESTORE.>\", \"task.>\", \"report.>\", \"progress.>\", \"heartbeat.>\", \
    \"$KV.machines.>\" ] } }";

/// What `APP` offers to `WORKERS`. Services, for they carry an answer back: a pull's messages, an
/// ack's or a report's confirmation.
pub(super) fn exports() -> Vec<String> {
    let mut lines = Vec::new();
    for file in worker_consumers() {
        let (stream, name) = (file.stream, file.name);
        lines.push(service_export(
            &format!("$JS.API.CONSUMER.INFO.{stream}.{name}"),
            "",
        ));
        // One pull is answered by many messages.
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        lines.push(service_export(&subject, ", response: stream"));
        lines.push(service_export(&format!("$JS.ACK.{stream}.{name}.>"), ""));
    }
    lines.extend(
        SHARED_SERVICES
            .iter()
            .map(|subject| service_export(subject, "")),
    );
    lines.push("{ stream: \"control.*\", accounts: [ WORKERS ] }".to_owned());
    lines
}

/// What a worker may say besides pulling; its own name is the token after the first.
const SHARED_SERVICES: [&str; 4] = ["progress.>", "heartbeat.*", "report.>", "claim.>"];

fn service_export(subject: &str, more: &str) -> String {
    format!(
        "{{ service: {}{more}, accounts: [ WORKERS ] }}",
        quote(subject)
    )
}

pub(super) fn imports() -> Vec<String> {
    let service = |subject: &str, more: &str| {
        format!(
            "{{ service: {{ account: APP, subject: {} }}{more} }}",
            quote(subject)
        )
    };
    let mut lines = Vec::new();
    for file in worker_consumers() {
        let (stream, name) = (file.stream, file.name);
        // Every account has a `$JS.API` of its own, which must not be shadowed.
        for verb in ["CONSUMER.INFO", "CONSUMER.MSG.NEXT"] {
            let to = quote(&format!("{WORKER_API_PREFIX}.{verb}.{stream}.{name}"));
            let subject = format!("$JS.API.{verb}.{stream}.{name}");
            lines.push(service(&subject, &format!(", to: {to}")));
        }
        lines.push(service(&format!("$JS.ACK.{stream}.{name}.>"), ""));
    }
    lines.extend(SHARED_SERVICES.iter().map(|subject| service(subject, "")));
    lines.push("{ stream: { account: APP, subject: \"control.*\" } }".to_owned());
    lines
}

/// A worker: it pulls and acks in the shared consumers, speaks under its own name, and hears its
/// inbox and its orders.
pub(super) fn worker(user: &User) -> String {
    let name = &user.name;
    let mut publish = Vec::new();
    for file in worker_consumers() {
        let (stream, consumer) = (file.stream, file.name);
        publish.push(format!(
            "{WORKER_API_PREFIX}.CONSUMER.INFO.{stream}.{consumer}"
        ));
        publish.push(format!(
            "{WORKER_API_PREFIX}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        ));
        publish.push(format!("$JS.ACK.{stream}.{consumer}.>"));
    }
    publish.push(format!("progress.{name}.>"));
    publish.push(format!("heartbeat.{name}"));
    publish.push(format!("report.{name}.>"));
    publish.push(format!("claim.{name}.>"));
    let publish: Vec<String> = publish.iter().map(|subject| quote(subject)).collect();
    let subscribe = [
        format!("{}.>", worker_inbox_prefix(name)),
        format!("control.{name}"),
    ];
    let subscribe: Vec<String> = subscribe.iter().map(|subject| quote(subject)).collect();
    user.render(&format!(
        ", permissions: {{ publish: {{ allow: [ {} ] }}, subscribe: {{ allow: [ {} ] }} }}",
        publish.join(", "),
        subscribe.join(", "),
    ))
}
