//! A browser's end of a live feed.

use bus_schema::id::JobId;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::fixture::{DEADLINE, Fixture, json};

/// An open feed.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    Closed(u16),
    Broken,
}

impl Socket {
    /// Opens a feed after `n`, with a fresh ticket.
    pub(crate) async fn open(fixture: &Fixture, job: JobId, n: u64) -> Self {
        let ticket = ticket(fixture, job).await;
        let path = format!("/v1/jobs/{job}/live?ticket={ticket}&n={n}");
        Self::connect(fixture, &path, None)
            .await
            .expect("the feed opens")
    }

    /// Opens any address as a WebSocket; the status and code of a refusal otherwise.
    #[expect(clippy::panic, reason = "a helper of tests")]
    pub(crate) async fn connect(
        fixture: &Fixture,
        path: &str,
        origin: Option<&str>,
    ) -> Result<Self, (u16, String)> {
        let url = format!("ws://{}{path}", fixture.edge.addr);
        let mut request = url.into_client_request().expect("an address");
        if let Some(origin) = origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().expect("a header"));
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => {
                let body: Value = response
                    .body()
                    .as_ref()
                    .and_then(|body| serde_json::from_slice(body).ok())
                    .unwrap_or_default();
                let code = body["code"].as_str().unwrap_or_default().to_owned();
                Err((response.status().as_u16(), code))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            let message = timeout(DEADLINE, self.stream.next())
                .await
                .expect("something within the deadline");
            return match message {
                Some(Ok(Message::Text(text))) => {
                    Heard::Frame(serde_json::from_str(&text).expect("JSON"))
                }
                Some(Ok(Message::Close(frame))) => {
                    Heard::Closed(frame.map_or(1005, |f: CloseFrame| f.code.into()))
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Heard::Broken,
            };
        }
    }

    /// The next frame, whatever it is.
    #[expect(clippy::panic, reason = "a helper of tests")]
    pub(crate) async fn frame(&mut self) -> Value {
        match self.next().await {
            Heard::Frame(frame) => frame,
            other => panic!("a frame was expected, not {other:?}"),
        }
    }

    /// The next frame that is not progress.
    pub(crate) async fn fact(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] != "progress" {
                return frame;
            }
        }
    }

    /// The code that the feed is closed with; frames before it are skipped.
    #[expect(clippy::panic, reason = "a helper of tests")]
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await {
                Heard::Frame(_) => {}
                Heard::Closed(code) => return code,
                Heard::Broken => panic!("the line broke without a close frame"),
            }
        }
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<(), Error> {
        self.stream.send(Message::text(text)).await
    }
}

/// A fresh ticket.
pub(crate) async fn ticket(fixture: &Fixture, job: JobId) -> String {
    let response = fixture
        .http
        .post(fixture.url(&format!("/v1/jobs/{job}/ticket")))
        .send()
        .await;
    let answer = json(response.expect("the edge answers")).await;
    answer["live_ticket"].as_str().expect("a ticket").to_owned()
}
