//! Following a job on the terminal: a bar per rendition.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::{Client, Error, Job};

/// Pause before a broken feed is opened anew.
const PAUSE: Duration = Duration::from_millis(500);
/// Feeds opened in vain before giving up: half a minute, which outlives a restart of the gateway.
const TRIES_MAX: u32 = 60;

/// The bars of one job.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    bars: BTreeMap<String, ProgressBar>,
    status: ProgressBar,
}

impl Bars {
    /// None yet; hidden where the output is read by a program, or is no terminal.
    pub(crate) fn new(is_hidden: bool) -> Self {
        let all = MultiProgress::new();
        if is_hidden {
            all.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let status = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg}")));
        Self {
            all,
            bars: BTreeMap::new(),
            status,
        }
    }

    /// A bar for the upload.
    pub(crate) fn upload(&self, bytes: u64) -> ProgressBar {
        let bar = self
            .all
            .insert_before(&self.status, ProgressBar::new(bytes));
        let template = "{prefix:>8} {bar:40} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";
        bar.set_style(style(template));
        bar.set_prefix("upload");
        bar
    }

    fn show(&mut self, name: &str, percent: f64) {
        let bar = self.bars.entry(name.to_owned()).or_insert_with(|| {
            let bar = self
                .all
                .insert_before(&self.status, ProgressBar::new(1_000));
            bar.set_style(style("{prefix:>8} {bar:40} {percent:>3} %"));
            bar.set_prefix(name.to_owned());
            bar
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1,000"
        )]
        bar.set_position((percent.clamp(0.0, 100.0) * 10.0) as u64);
    }

    /// One line below the bars.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.status.set_message(text.into());
    }

    /// A line above the bars, which stays.
    pub(crate) fn line(&self, text: &str) {
        if self.all.is_hidden() || self.all.println(text).is_err() {
            super::say(text);
        }
    }

    /// Ends the drawing.
    pub(crate) fn end(&self) {
        for bar in self.bars.values() {
            bar.finish();
        }
        self.status.finish_and_clear();
    }

    fn progress(&mut self, frame: &Value) {
        for rendition in frame["renditions"].as_array().into_iter().flatten() {
            if let (Some(name), Some(percent)) =
                (rendition["name"].as_str(), rendition["percent"].as_f64())
            {
                self.show(name, percent);
            }
        }
        self.say(status(frame));
    }
}

/// The line below the bars.
fn status(frame: &Value) -> String {
    if let Some(percent) = frame["remuxed_percent"].as_f64() {
        return format!("remuxing the source, which has no index: {percent:.0} %");
    }
    let percent = frame["percent"].as_f64().unwrap_or(0.0);
    let speed = frame["speed"].as_f64().unwrap_or(0.0);
    let eta = frame["eta_ms"]
        .as_u64()
        .map_or_else(String::new, |ms| format!(", {} s left", ms.div_ceil(1_000)));
    format!("{percent:.0} %, {speed:.1} x real time{eta}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Follows a job to its end; every frame is shown, and given to `heard`.
pub(crate) async fn follow(
    client: &Client,
    id: &str,
    bars: &mut Bars,
    mut heard: impl FnMut(&Value),
) -> Result<Job, Error> {
    let (mut n, mut tries) = (0, 0);
    loop {
        let job = client.job(id).await;
        match job {
            Ok(job) if is_over(&job.state) => return Ok(job),
            Err(error) if super::client::is_missing(&error) || tries >= TRIES_MAX => {
                return Err(error);
            }
            Ok(_) | Err(_) => {}
        }
        tries += 1;
        if let Ok(events) = client.events(id, n).await {
            futures_util::pin_mut!(events);
            while let Some(Ok(frame)) = events.next().await {
                tries = 0;
                match frame["type"].as_str() {
                    Some("progress") => bars.progress(&frame),
                    Some("hello") | None => {}
                    Some(kind) => {
                        n = frame["n"].as_u64().unwrap_or(n);
                        if let Some(text) = sentence(kind, &frame) {
                            bars.line(&text);
                        }
                    }
                }
                heard(&frame);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub(crate) fn is_over(state: &str) -> bool {
    matches!(state, "completed" | "failed" | "cancelled")
}

/// What is worth a line of its own.
fn sentence(kind: &str, frame: &Value) -> Option<String> {
    let seconds = |ms: &Value| {
        ms.as_u64()
            .map(|ms| format!("{}.{} s", ms / 1_000, ms % 1_000 / 100))
    };
    Some(match kind {
        "planned" => frame["encode_reason"].as_str()?.to_owned(),
        "playable" => format!("playable after {}", seconds(&frame["after_ms"])?),
        // What is given up for good ends the job or drops a rendition, and that is told by itself.
        "task-failed" if frame["will_retry"].as_bool()? => {
            let reason = frame["error"]["message"].as_str()?;
            format!("{}; trying again", reason.trim_end_matches('.'))
        }
        "rendition-dropped" => format!("{} was dropped", frame["rendition"].as_str()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_line_below_tells_what_is_done() {
        let frame = json!({"type": "progress", "percent": 0.0, "speed": 0.0, "renditions": [],
                           "remuxed_percent": 42.4});
        assert_eq!(
            status(&frame),
            "remuxing the source, which has no index: 42 %"
        );
        let frame = json!({"type": "progress", "percent": 12.5, "speed": 2.0, "eta_ms": 1_500});
        assert_eq!(status(&frame), "12 %, 2.0 x real time, 2 s left");
    }
}
