//! A storage with one object: a second of sound. It can hold its answers back.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// With what was asked for.
    Serving,
    /// Not yet: the reader waits.
    Holding,
    /// The object is gone.
    Empty,
}

/// The storage.
#[derive(Debug)]
pub(crate) struct Storage {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    /// Requests that came so far.
    asked: watch::Receiver<u64>,
    bytes: Arc<Vec<u8>>,
    _server: JoinSet<()>,
}

impl Storage {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (mood, moods) = watch::channel(Mood::Serving);
        let (count, asked) = watch::channel(0);
        let bytes = Arc::new(sound());
        let mut server = JoinSet::new();
        let object = Arc::clone(&bytes);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (moods, count, object) = (moods.clone(), count.clone(), Arc::clone(&object));
                connections.spawn(async move {
                    // Whoever reads may leave in the midst of it.
                    drop(serve(socket, moods, count, &object).await);
                });
            }
        });
        Self {
            address,
            mood,
            asked,
            bytes,
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/source", self.address)
    }

    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn be(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// How many requests have come.
    pub(crate) fn n_asked(&self) -> u64 {
        *self.asked.borrow()
    }
}

/// Ranged reads over one connection, one after the other.
async fn serve(
    socket: TcpStream,
    mut moods: watch::Receiver<Mood>,
    count: watch::Sender<u64>,
    object: &[u8],
) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let Some((first, last)) = range(&mut socket).await? else {
            return Ok(());
        };
        count.send_modify(|n| *n += 1);
        let mood = moods.wait_for(|mood| *mood != Mood::Holding).await;
        let Ok(mood) = mood.map(|mood| *mood) else {
            return Ok(());
        };
        if mood == Mood::Empty {
            let head = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            socket.write_all(head.as_bytes()).await?;
            continue;
        }
        let body = &object[first..=last];
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {first}-{last}/{}\r\n\r\n",
            body.len(),
            object.len()
        );
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(body).await?;
    }
}

/// The range of the next request; `None` at the end of the connection.
async fn range(socket: &mut BufReader<TcpStream>) -> std::io::Result<Option<(usize, usize)>> {
    let mut range = None;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(range);
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            let (first, last) = bytes.split_once('-').expect("a range of two ends");
            let number = |text: &str| text.parse().expect("a number");
            range = Some((number(first), number(last)));
        }
    }
}

/// A WAV file: a second of one channel, 48,000 samples of 16 bits.
fn sound() -> Vec<u8> {
    const SAMPLES: u32 = 48_000;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + 2 * SAMPLES).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, one channel.
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&SAMPLES.to_le_bytes());
    file.extend_from_slice(&(2 * SAMPLES).to_le_bytes());
    // Bytes of a frame, bits of a sample.
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&(2 * SAMPLES).to_le_bytes());
    for n in 0..SAMPLES {
        let sample = i16::try_from(n % 200 * 100).expect("a small number");
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}
