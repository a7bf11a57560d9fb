//! Where the worker keeps what it would else find out at each start.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

/// The folder, as asked for.
#[derive(Debug, Args)]
pub(crate) struct Cache {
    /// Where to keep the list of GStreamer's plugins, and which encoders work [default:
    /// $XDG_CACHE_HOME/tcoder, else ~/.cache/tcoder].
    #[arg(long = "cache", value_name = "DIR")]
    asked: Option<PathBuf>,
}

impl Cache {
    /// The folder.
    ///
    /// # Errors
    /// When none was asked for, and the environment names no place for one.
    pub(crate) fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.asked {
            Some(asked) => Ok(asked.clone()),
            None => of_user(|name| std::env::var_os(name))
                .context("neither XDG_CACHE_HOME nor HOME is set: say --cache DIR"),
        }
    }
}

/// This user's. The XDG specification has a relative path ignored.
fn of_user(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| {
        env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("tcoder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_where_the_user_keeps_caches() {
        let of = |vars: &[(&str, &str)]| {
            let vars = vars.to_vec();
            of_user(move |name| {
                let found = vars.iter().find(|(known, _)| *known == name)?;
                Some(OsString::from(found.1))
            })
        };
        let both = [("XDG_CACHE_HOME", "/caches"), ("HOME", "/home/me")];
        assert_eq!(of(&both), Some("/caches/tcoder".into()));
        let relative = [("XDG_CACHE_HOME", "caches"), ("HOME", "/home/me")];
        assert_eq!(of(&relative), Some("/home/me/.cache/tcoder".into()));
        assert_eq!(of(&[("HOME", "")]), None);
        let asked = Cache {
            asked: Some("here".into()),
        };
        assert_eq!(asked.folder().unwrap(), PathBuf::from("here"));
    }
}
