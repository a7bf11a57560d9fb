//! A client's server: takes what is posted, answers as it is told, remembers everything.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::fixture::until;

/// What it does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This status and these header lines.
    Status(u16, String),
    /// Takes it and says nothing until the receiver is gone.
    Hang,
    /// Hangs up.
    HangUp,
}

/// Something posted.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// By lower-case name.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    received: watch::Receiver<Vec<Received>>,
    _accepts: JoinSet<()>,
}

/// An address at which nobody listens, and that nobody else takes meanwhile.
pub(crate) struct Closed(TcpSocket);

impl Closed {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("an address");
        Self(socket)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.0.local_addr().expect("bound"))
    }

    /// Listens from now on.
    pub(crate) fn open(self, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Receiver {
        Receiver::on(self.0.listen(64).expect("listening"), answer)
    }
}

impl Receiver {
    /// Answers the n-th request, from 0, like this.
    pub(crate) fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Closed::new().open(answer)
    }

    fn on(listener: TcpListener, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("bound");
        let (sender, received) = watch::channel(Vec::new());
        let mut accepts = JoinSet::new();
        accepts.spawn(accept(listener, Arc::new(answer), Arc::new(sender)));
        Self { address, received, _accepts: accepts }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=t", self.address)
    }

    /// Everything so far.
    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits until there were so many requests.
    pub(crate) async fn until(&self, n: usize) -> Vec<Received> {
        let what = format!("{n} requests");
        until(&what, || async { Some(self.all()).filter(|all| all.len() >= n) }).await
    }
}

pub(crate) fn ok() -> Answer {
    Answer::Status(204, String::new())
}

async fn accept(
    listener: TcpListener,
    answer: Arc<dyn Fn(usize) -> Answer + Send + Sync>,
    received: Arc<watch::Sender<Vec<Received>>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, answer.clone(), received.clone()));
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<dyn Fn(usize) -> Answer + Send + Sync>,
    received: Arc<watch::Sender<Vec<Received>>>,
) {
    let Some(request) = read(&mut stream).await else { return };
    let mut nth = 0;
    received.send_modify(|all| {
        nth = all.len();
        all.push(request);
    });
    match answer(nth) {
        Answer::Status(status, headers) => {
            let text = format!(
                "HTTP/1.1 {status} Told\r\n{headers}connection: close\r\ncontent-length: 2\r\n\r\nno"
            );
            let text = if status == 204 { text.replace("content-length: 2\r\n\r\nno", "\r\n") } else { text };
            // Whether the sender still listens is its own business.
            drop(stream.write_all(text.as_bytes()).await);
        }
        Answer::Hang => std::future::pending().await,
        Answer::HangUp => {}
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let headers: HashMap<String, String> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    assert!(head.starts_with("POST /hook"), "{head}");
    let length: usize = headers["content-length"].parse().ok()?;
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head_end + 4..].to_vec()).ok()?;
    Some(Received { headers, body })
}
