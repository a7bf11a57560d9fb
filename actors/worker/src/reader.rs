//! A source by path or address, read in ranges: for running a task by hand.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// How long one range may take.
const RANGE_MS_MAX: u64 = 60_000;

/// Where bytes come from.
#[derive(Debug, Clone)]
pub enum Reader {
    /// A file.
    File(Arc<File>),
    /// An http(s) server that answers ranges.
    Http(reqwest::Client, String),
}

impl Reader {
    /// Opens a path or an address; also tells the size.
    ///
    /// # Errors
    /// When there is no such file, or the server does not tell a size.
    pub async fn open(source: &str) -> io::Result<(Self, u64)> {
        if !source.starts_with("http://") && !source.starts_with("https://") {
            let file = File::open(source)?;
            let size = file.metadata()?.len();
            return Ok((Self::File(Arc::new(file)), size));
        }
        // Installing it twice is refused, and harmless.
        drop(rustls::crypto::ring::default_provider().install_default());
        let timeout = Duration::from_millis(RANGE_MS_MAX);
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .build()
            .map_err(io::Error::other)?;
        let response = client.head(source).send().await.map_err(io::Error::other)?;
        let response = response.error_for_status().map_err(io::Error::other)?;
        let length = response.headers().get(reqwest::header::CONTENT_LENGTH);
        let size = length
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let size =
            size.ok_or_else(|| io::Error::other("the server does not tell the source's size"))?;
        Ok((Self::Http(client, source.to_owned()), size))
    }

    /// Bytes from `offset` on.
    ///
    /// # Errors
    /// When they cannot be had.
    pub async fn read(&self, offset: u64, len: u32) -> io::Result<Bytes> {
        match self {
            Self::File(file) => {
                let file = Arc::clone(file);
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = vec![0; len as usize];
                    file.read_exact_at(&mut bytes, offset)
                        .map(|()| Bytes::from(bytes))
                });
                read.await.map_err(io::Error::other)?
            }
            Self::Http(client, url) => {
                let last = offset + u64::from(len).saturating_sub(1);
                let range = format!("bytes={offset}-{last}");
                let request = client.get(url).header(reqwest::header::RANGE, range);
                let response = request.send().await.map_err(io::Error::other)?;
                if response.status() != reqwest::StatusCode::PARTIAL_CONTENT {
                    return Err(io::Error::other(format!(
                        "a range was answered {}",
                        response.status()
                    )));
                }
                response.bytes().await.map_err(io::Error::other)
            }
        }
    }
}
