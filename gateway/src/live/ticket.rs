//! Tickets: the right to open one live session of one job, once, within a minute. A WebSocket and an event
//! stream take it in their address, since browsers cannot set headers there; single use makes a logged
//! address worthless.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bus_schema::id::{JobId, Token};

/// How long a ticket waits to be used: opening a socket takes milliseconds, a slow phone seconds.
pub(crate) const TICKET_TTL_MS: u64 = 60_000;
/// Tickets waiting at once, about 10 MB. Beyond it the oldest goes; its page asks for another.
const TICKETS_MAX: usize = 65_536;

/// Tickets that wait to be used. They are in memory: after a restart a page asks for another.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    jobs: HashMap<Token, JobId>,
    /// Oldest first. Used ones stay until their time.
    expiries: VecDeque<(u64, Token)>,
}

impl Tickets {
    /// A fresh ticket, and when it ends (milliseconds since 1970).
    pub(crate) fn issue(&self, job: JobId, now_ms: u64) -> (Token, u64) {
        let token = Token::random();
        let expires_ms = now_ms + TICKET_TTL_MS;
        let mut table = self.table();
        table.expire(now_ms);
        if table.expiries.len() >= TICKETS_MAX
            && let Some((_, oldest)) = table.expiries.pop_front()
        {
            table.jobs.remove(&oldest);
        }
        table.jobs.insert(token.clone(), job);
        table.expiries.push_back((expires_ms, token.clone()));
        (token, expires_ms)
    }

    /// Whether this ticket opens this job's feed now. It never does again.
    pub(crate) fn take(&self, ticket: &str, job: JobId, now_ms: u64) -> bool {
        let Ok(token) = ticket.parse::<Token>() else {
            return false;
        };
        let mut table = self.table();
        table.expire(now_ms);
        // Found by hash, not compared byte by byte: 128 random bits cannot be felt out by timing.
        table.jobs.remove(&token) == Some(job)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is one call; a panic elsewhere leaves the table whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn expire(&mut self, now_ms: u64) {
        while let Some((_, token)) = self
            .expiries
            .pop_front_if(|(expires_ms, _)| *expires_ms <= now_ms)
        {
            self.jobs.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(n: u8) -> JobId {
        JobId::from_parts(1, [n; 10])
    }

    #[test]
    fn a_ticket_opens_one_job_once() {
        let tickets = Tickets::default();
        let (ticket, _) = tickets.issue(job(1), 0);
        assert!(tickets.take(ticket.as_str(), job(1), 1));
        assert!(!tickets.take(ticket.as_str(), job(1), 2), "used");
        let (ticket, _) = tickets.issue(job(1), 0);
        assert!(!tickets.take(ticket.as_str(), job(2), 1), "another job's");
        assert!(
            !tickets.take(ticket.as_str(), job(1), 1),
            "and spent by the try"
        );
        assert!(!tickets.take("", job(1), 1));
    }

    #[test]
    fn a_ticket_ends_with_its_minute_and_leaves_nothing() {
        let tickets = Tickets::default();
        let (ticket, expires_ms) = tickets.issue(job(1), 5);
        assert_eq!(expires_ms, 5 + TICKET_TTL_MS);
        assert!(!tickets.take(ticket.as_str(), job(1), expires_ms));
        assert!(tickets.table().jobs.is_empty() && tickets.table().expiries.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_goes() {
        let tickets = Tickets::default();
        let (first, _) = tickets.issue(job(1), 0);
        for _ in 0..TICKETS_MAX {
            tickets.issue(job(2), 0);
        }
        assert!(tickets.table().jobs.len() <= TICKETS_MAX);
        assert!(!tickets.take(first.as_str(), job(1), 0));
    }
}
