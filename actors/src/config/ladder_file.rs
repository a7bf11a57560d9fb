//! A ladder of one's own, from a file. What is wrong with it is told with the file's line.
//!
//! ```toml
//! [[rung]]
//! name = "540p"
//! short_side = 540            # pixels; the long side is bounded by 16/9 of it
//! bitrate_max_bps = 2_500_000 # up to 30 frames a second, and for H.264
//! ```

use std::path::{Path, PathBuf};

use bus_schema::id::RenditionName;
use bus_schema::ladder::{Ladder, Rung};
use serde::Deserialize;
use toml::Spanned;

/// The longest file that is read; 16 rungs have about a kilobyte.
const BYTES_MAX: u64 = 64 * 1024;

/// Why a file is no ladder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the ladder {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is longer than any ladder.
    #[error("the ladder {path} has more than {BYTES_MAX} bytes: it is another file")]
    TooLong {
        /// Which.
        path: PathBuf,
    },
    /// It is no TOML, or has keys or values that a ladder has not.
    #[error("the ladder {path} is wrong: {source}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A rung that cannot be.
    #[error("the ladder {path} is wrong in line {line}: {reason}")]
    Rung {
        /// Which.
        path: PathBuf,
        /// Where the rung's first key stands, from 1.
        line: usize,
        /// Why, and what would be right.
        reason: String,
    },
}

/// The file's shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rung: Vec<Lines>,
}

/// A rung, and where each of its keys stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    name: Spanned<String>,
    short_side: Spanned<u32>,
    bitrate_max_bps: Spanned<u32>,
}

/// Reads a ladder.
///
/// # Errors
/// [`Error`] says which file and, where it can be read, which line.
pub fn load(path: &Path) -> Result<Ladder, Error> {
    let path_buf = || path.to_owned();
    let read = |source| Error::Read {
        path: path_buf(),
        source,
    };
    if std::fs::metadata(path).map_err(read)?.len() > BYTES_MAX {
        return Err(Error::TooLong { path: path_buf() });
    }
    parse(path, &std::fs::read_to_string(path).map_err(read)?)
}

fn parse(path: &Path, text: &str) -> Result<Ladder, Error> {
    let file: File = toml::from_str(text).map_err(|source| Error::Syntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let wrong = |line, reason| Error::Rung {
        path: path.to_owned(),
        line,
        reason,
    };
    let mut rungs = Vec::new();
    for lines in &file.rung {
        let name: RenditionName =
            lines
                .name
                .get_ref()
                .parse()
                .map_err(|error: bus_schema::id::InvalidId| {
                    wrong(line(text, lines.name.span().start), error.to_string())
                })?;
        rungs.push(Rung {
            name,
            short_side: *lines.short_side.get_ref(),
            bitrate_max_bps: *lines.bitrate_max_bps.get_ref(),
        });
    }
    Ladder::new(rungs).map_err(|error| {
        let rung = error.index.and_then(|index| file.rung.get(index));
        wrong(rung.map_or(1, |rung| rung.line(text)), error.reason)
    })
}

impl Lines {
    /// The line of the first key: keys may stand in any order.
    fn line(&self, text: &str) -> usize {
        let spans = [
            self.name.span(),
            self.short_side.span(),
            self.bitrate_max_bps.span(),
        ];
        let first = spans.into_iter().map(|span| span.start).min();
        line(text, first.unwrap_or(0))
    }
}

/// The line, from 1, that this byte is in.
fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# Ours.\n[[rung]]\nname = \"hd\"\nshort_side = 720\nbitrate_max_bps = 3_000_000\n\n\
                       [[rung]]\nbitrate_max_bps = 1_000_000\nshort_side = 432\nname = \"sd\"\n";

    fn refusal(text: &str) -> String {
        parse(Path::new("ladder.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn rungs_may_stand_in_any_order() {
        let ladder = parse(Path::new("ladder.toml"), TWO).unwrap();
        let names: Vec<&str> = ladder.rungs().iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["sd", "hd"]);
        assert_eq!(ladder.rungs()[0].bitrate_max_bps, 1_000_000);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (from, to, line, words) in [
            ("\"hd\"", "\"HD!\"", "line 3", "HD!"),
            ("\"hd\"", "\"audio\"", "line 3", "`audio`"),
            ("short_side = 720", "short_side = 7", "line 3", "7 pixels"),
            ("1_000_000", "1", "line 8", "1 bits per second"),
            ("\"sd\"", "\"hd\"", "line 8", "`hd`"),
            (
                "short_side = 432",
                "short_side = 720",
                "line 8",
                "short side of `hd`",
            ),
            ("short_side = 432", "short_sid = 432", "line 9", "short_sid"),
            (
                "short_side = 432",
                "short_side = \"432\"",
                "line 9",
                "string",
            ),
            ("short_side = 432", "short_side = -1", "line 9", "-1"),
            ("short_side = 432\n", "", "line 7", "short_side"),
            ("[[rung]]\nb", "[[step]]\nb", "line 7", "step"),
            ("name = \"sd\"", "name = \"sd", "line 10", ""),
        ] {
            let error = refusal(&TWO.replacen(from, to, 1));
            assert!(error.contains("ladder.toml"), "{to}: {error}");
            assert!(error.contains(line), "{to}: {error}");
            assert!(error.contains(words), "{to}: {error}");
        }
        assert!(refusal("").contains("0 rungs"));
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let error = load(Path::new("/nowhere/ladder.toml")).unwrap_err();
        assert!(
            error.to_string().contains("/nowhere/ladder.toml"),
            "{error}"
        );
    }
}
