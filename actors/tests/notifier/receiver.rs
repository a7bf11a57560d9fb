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
    /// Takes it and says nothing until the sender gives up.
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
    hanging: watch::Receiver<Hanging>,
    _accepts: JoinSet<()>,
}

/// Requests that were taken and not answered.
#[derive(Debug, Clone, Copy, Default)]
struct Hanging {
    now: usize,
    most: usize,
}

/// How a receiver answers, and what it remembers.
struct Desk {
    answer: Box<dyn Fn(usize) -> Answer + Send + Sync>,
    received: watch::Sender<Vec<Received>>,
    hanging: watch::Sender<Hanging>,
}

/// An address at which nobody listens, and that nobody else takes meanwhile.
pub(crate) struct Closed(TcpSocket);

impl Closed {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("an address");
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
        let desk = Desk {
            answer: Box::new(answer),
            received: watch::Sender::default(),
            hanging: watch::Sender::default(),
        };
        let (received, hanging) = (desk.received.subscribe(), desk.hanging.subscribe());
        let mut accepts = JoinSet::new();
        accepts.spawn(accept(listener, Arc::new(desk)));
        Self {
            address,
            received,
            hanging,
            _accepts: accepts,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=t", self.address)
    }

    /// Everything so far.
    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// The most requests that hung at the same time.
    pub(crate) fn hanging_max(&self) -> usize {
        self.hanging.borrow().most
    }

    /// Waits until there were so many requests.
    pub(crate) async fn until(&self, n: usize) -> Vec<Received> {
        let what = format!("{n} requests");
        until(&what, || async {
            Some(self.all()).filter(|all| all.len() >= n)
        })
        .await
    }
}

pub(crate) fn ok() -> Answer {
    Answer::Status(204, String::new())
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, desk.clone()));
    }
}

async fn serve(mut stream: TcpStream, desk: Arc<Desk>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let mut nth = 0;
    desk.received.send_modify(|all| {
        nth = all.len();
        all.push(request);
    });
    match (desk.answer)(nth) {
        Answer::Status(status, headers) => {
            let text = format!(
                "HTTP/1.1 {status} Told\r\n{headers}connection: close\r\ncontent-length: 2\r\n\r\nno"
            );
            let text = if status == 204 {
                text.replace("content-length: 2\r\n\r\nno", "\r\n")
            } else {
                text
            };
            // Whether the sender still listens is its own business.
            drop(stream.write_all(text.as_bytes()).await);
        }
        Answer::Hang => {
            desk.hanging.send_modify(|hanging| {
                hanging.now += 1;
                hanging.most = hanging.most.max(hanging.now);
            });
            // Ends when the sender hangs up.
            drop(stream.read(&mut [0]).await);
            desk.hanging.send_modify(|hanging| hanging.now -= 1);
        }
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
