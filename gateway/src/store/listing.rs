//! Listing keys by prefix and delimiter, page by page: pure, over the ordered catalog.
//!
//! A page's cost grows with what it returns, not with what lies below a common prefix: the walk jumps
//! over it.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{S3Result, s3_error};

use super::catalog::{Object, Objects};

/// Entries of one page; what S3 allows, and the default.
pub(super) const PAGE_MAX: usize = 1000;

/// What a client wants listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    /// Keys that share what stands between the prefix and the first of these are one entry.
    pub(super) delimiter: Option<&'a str>,
    /// The entry after which to go on: a key or a common prefix.
    pub(super) after: &'a str,
    pub(super) entries_max: usize,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) common_prefixes: Vec<String>,
    /// The last entry, if more follow.
    pub(super) last: Option<String>,
}

/// The entries after `query.after`, at most `query.entries_max`.
pub(super) fn page(objects: &Objects, query: Query<'_>) -> Page {
    let mut page = Page::default();
    let mut last = String::new();
    let mut from = if query.after >= query.prefix {
        Bound::Excluded(query.after.as_bytes().to_vec())
    } else {
        Bound::Included(query.prefix.as_bytes().to_vec())
    };
    while let Some((key, object)) = objects
        .range::<[u8], _>((as_slice(&from), Bound::Unbounded))
        .next()
    {
        if !key.starts_with(query.prefix.as_bytes()) {
            break;
        }
        let common = common_prefix(&object.record.key, query);
        let is_new = common != Some(query.after);
        if is_new && page.objects.len() + page.common_prefixes.len() >= query.entries_max {
            page.last = (query.entries_max > 0).then_some(last);
            break;
        }
        match common {
            Some(common) => {
                if is_new {
                    common.clone_into(&mut last);
                    page.common_prefixes.push(common.to_owned());
                }
                from = Bound::Included(successor(common));
            }
            None => {
                object.record.key.clone_into(&mut last);
                page.objects.push(Arc::clone(object));
                from = Bound::Excluded(key.to_vec());
            }
        }
    }
    page
}

/// The part of `key` up to and including the first delimiter after the prefix.
fn common_prefix<'a>(key: &'a str, query: Query<'_>) -> Option<&'a str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.get(query.prefix.len()..)?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

/// The first bytes after everything that begins with `prefix`. Its last byte is below 0xF5, as UTF-8
/// has no other, so adding one cannot overflow.
fn successor(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    bytes
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// How many entries `max-keys` asks for.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub(super) fn entries_max(asked: Option<i32>) -> S3Result<usize> {
    let asked = asked.map_or(Ok(PAGE_MAX), usize::try_from);
    let asked = asked.map_err(|_negative| {
        s3_error!(InvalidArgument, "the number of entries to list is negative")
    })?;
    Ok(asked.min(PAGE_MAX))
}

/// `entry` as an opaque continuation token.
pub(super) fn token(entry: &str) -> String {
    URL_SAFE_NO_PAD.encode(entry)
}

/// The inverse of [`token`].
///
/// # Errors
/// `InvalidArgument` for what no listing returned.
pub(super) fn parse_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "the continuation token is not one of ours: list from the start"
            )
        })
}

/// What stays as it is under `encoding-type=url`: unreserved characters and the slash.
const URL_ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// `text` as the client asked for it: percent-encoded with `encoding-type=url`.
pub(super) fn encoded(text: &str, as_url: bool) -> String {
    if as_url {
        Cow::from(utf8_percent_encode(text, &URL_ENCODED)).into_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{Headers, ObjectRecord};

    fn objects(keys: &[&str]) -> Objects {
        keys.iter()
            .map(|key| {
                let record = ObjectRecord {
                    key: (*key).to_owned(),
                    id: 0,
                    etag: String::new(),
                    size: 0,
                    modified_ns: 0,
                    headers: Headers::default(),
                    pieces: Vec::new(),
                    upload_id: None,
                };
                (
                    key.as_bytes().into(),
                    Arc::new(Object {
                        record,
                        blobs: Vec::new(),
                    }),
                )
            })
            .collect()
    }

    /// All pages of a listing, each as its entries.
    fn walk(
        objects: &Objects,
        prefix: &str,
        delimiter: Option<&str>,
        entries_max: usize,
    ) -> Vec<Vec<String>> {
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let page = page(
                objects,
                Query {
                    prefix,
                    delimiter,
                    after: &after,
                    entries_max,
                },
            );
            let mut entries: Vec<_> = page
                .objects
                .iter()
                .map(|object| object.record.key.clone())
                .collect();
            entries.extend(page.common_prefixes);
            entries.sort();
            assert!(entries.len() <= entries_max);
            pages.push(entries);
            match page.last {
                Some(last) => after = parse_token(&token(&last)).unwrap(),
                None => return pages,
            }
        }
    }

    const KEYS: [&str; 9] = [
        "a", "a/", "a/b", "a/b/c", "a/d", "a0", "b/é/1", "b/é/2", "c",
    ];

    #[test]
    fn every_page_size_lists_everything_once() {
        let objects = objects(&KEYS);
        let table: [(&str, Option<&str>, &[&str]); 7] = [
            ("", None, &KEYS),
            ("", Some("/"), &["a", "a/", "a0", "b/", "c"]),
            ("a/", Some("/"), &["a/", "a/b", "a/b/", "a/d"]),
            ("a", Some("/"), &["a", "a/", "a0"]),
            ("b/", Some("/"), &["b/é/"]),
            ("b/é", None, &["b/é/1", "b/é/2"]),
            ("nothing", Some("/"), &[]),
        ];
        for (prefix, delimiter, expected) in table {
            for entries_max in 1..=KEYS.len() + 1 {
                let pages = walk(&objects, prefix, delimiter, entries_max);
                assert_eq!(
                    pages.concat(),
                    expected,
                    "{prefix:?} {delimiter:?} {entries_max}"
                );
            }
        }
    }

    #[test]
    fn a_page_of_none_ends_the_listing() {
        let page = page(
            &objects(&KEYS),
            Query {
                prefix: "",
                delimiter: None,
                after: "",
                entries_max: 0,
            },
        );
        assert!(page.objects.is_empty() && page.last.is_none());
    }

    #[test]
    fn only_our_tokens_are_taken() {
        assert!(parse_token("%%%").is_err());
        assert_eq!(parse_token(&token("a/ü")).unwrap(), "a/ü");
    }

    #[test]
    fn url_encoding_keeps_the_slash() {
        assert_eq!(encoded("a b/ü+", true), "a%20b/%C3%BC%2B");
        assert_eq!(encoded("a b", false), "a b");
    }
}
