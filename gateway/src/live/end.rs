//! How a session ends, and what a client does then.

/// Why the server closes a session. Codes 4000 to 4499 mean: connect again, with the last `n` you have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// 1000: the job has ended and everything was sent. Do not connect again.
    Finished,
    /// 1012: this gateway stops. Connect again with your `n`.
    Restart,
    /// 4408: you read too slowly and the queue was full. Connect again with your `n`.
    Slow,
    /// 4410: the bus is away, facts cannot be read. Connect again with your `n`, after a pause.
    Lost,
    /// 4413: you sent more than a live feed has use for. Connect again with your `n`.
    Noise,
    /// 4414: you have not answered two pings. Nobody hears it; it is for the log.
    Silent,
}

impl End {
    /// The WebSocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Finished => 1000,
            Self::Restart => 1012,
            Self::Slow => 4408,
            Self::Lost => 4410,
            Self::Noise => 4413,
            Self::Silent => 4414,
        }
    }

    /// The WebSocket close reason, at most 123 bytes.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Finished => "the job has ended and everything was sent",
            Self::Restart => "this gateway stops; connect again with your last n",
            Self::Slow => "you read too slowly; connect again with your last n",
            Self::Lost => "the bus is away; connect again with your last n",
            Self::Noise => "nothing is expected from you here; connect again with your last n",
            Self::Silent => "two pings without an answer",
        }
    }
}
