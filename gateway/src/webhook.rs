//! Webhook addresses: what may be posted to. Shared with the Notifier, which does the posting.

pub mod address;

pub mod resolver;

pub use address::{Refusal, WebhookUrl, is_public};
pub use resolver::GuardedResolver;
