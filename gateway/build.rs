//! Embeds the built page (`web/dist`) as a table of files. Without it the gateway still builds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = PathBuf::from(required("CARGO_MANIFEST_DIR")?).join("web/dist");
    // A folder that is not there yet is watched by its parent.
    let watched = if dist.is_dir() { "web/dist" } else { "web" };
    emit(&format!("rerun-if-changed={watched}"))?;
    let mut paths = Vec::new();
    if dist.is_dir() {
        collect(&dist, &mut paths)?;
    }
    paths.sort();
    let mut table = String::from("&[\n");
    let out = PathBuf::from(required("OUT_DIR")?);
    for (number, path) in paths.iter().enumerate() {
        push(&mut table, &dist, path, &out.join(format!("page-{number}")))?;
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)
}

fn emit(instruction: &str) -> io::Result<()> {
    use io::Write as _;
    writeln!(io::stdout(), "cargo::{instruction}")
}

fn required(name: &str) -> io::Result<String> {
    env::var(name).map_err(|_| io::Error::other(format!("cargo does not set {name}")))
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// Embeds a copy: the page may be built anew while the gateway compiles.
fn push(table: &mut String, dist: &Path, path: &Path, copy: &Path) -> io::Result<()> {
    let name = path.strip_prefix(dist).map_err(io::Error::other)?;
    let name = name.to_string_lossy().replace('\\', "/");
    let bytes = fs::read(path)?;
    fs::write(copy, &bytes)?;
    let digest = fnv(&bytes);
    writeln!(
        table,
        "File {{ path: {name:?}, content_type: {:?}, etag: \"\\\"{digest:016x}\\\"\", \
         is_immutable: {}, bytes: include_bytes!({:?}) }},",
        content_type(&name),
        is_hashed(&name),
        copy.display().to_string(),
    )
    .map_err(io::Error::other)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Bundlers write `name-HASH.js`, esbuild in eight letters of base 32.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let hash = file
        .split('.')
        .next()
        .and_then(|stem| stem.rsplit_once('-'))
        .map(|(_, hash)| hash);
    hash.is_some_and(|hash| {
        hash.len() == 8
            && hash
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// FNV-1a: tells versions of one file apart, which is all that an ETag must do.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
