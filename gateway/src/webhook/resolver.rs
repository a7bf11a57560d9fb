//! Name resolution that refuses inner addresses at the moment of connecting. A check of its own
//! before the request would be told another address than the request (DNS rebinding).

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_allowed;

/// For `reqwest::ClientBuilder::dns_resolver`. It is not asked for IP literals, which
/// [`super::WebhookUrl`] checks; redirects must be off (`redirect(Policy::none())`).
#[derive(Debug, Clone, Copy)]
pub struct GuardedResolver {
    /// Whether receivers on the same machine are allowed, as tests have them.
    pub allow_loopback: bool,
}

impl GuardedResolver {
    /// The public addresses of a name. All of them must be: a name with an inner address among
    /// its public ones is an attack or a mistake.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for a name that leads inside, others when it does not
    /// resolve.
    pub async fn lookup(self, host: &str) -> io::Result<Vec<SocketAddr>> {
        // The port is replaced by the caller.
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
        if let Some(inner) = found
            .iter()
            .find(|at| !is_allowed(at.ip(), self.allow_loopback))
        {
            let message = format!(
                "`{host}` leads to {}, which is not on the public internet",
                inner.ip()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("`{host}` has no address"),
            ));
        }
        Ok(found)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found = guard.lookup(name.as_str()).await?;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_refused_at_connect() {
        let closed = GuardedResolver {
            allow_loopback: false,
        };
        let error = closed.lookup("localhost").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let open = GuardedResolver {
            allow_loopback: true,
        };
        assert!(
            open.lookup("localhost")
                .await
                .unwrap()
                .iter()
                .all(|at| at.ip().is_loopback())
        );
    }
}
