//! Elements: an id, a length, and what is in them.

use bytes::Bytes;

use super::{Error, Read};

/// Bytes of the longest header of an element: an id of four and a length of eight.
const HEADER_BYTES_MAX: u64 = 12;

/// Where an element lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u32,
    /// Its first byte behind the header.
    pub(super) body: u64,
    /// `None` where it is only known once something follows that cannot be within it.
    pub(super) size: Option<u64>,
}

impl Element {
    /// The element at an offset; `None` at the end of what it may lie in.
    pub(super) fn read(read: Read<'_>, at: u64, end: u64) -> Result<Option<Self>, Error> {
        let room = end.saturating_sub(at);
        if room < 2 {
            return Ok(None);
        }
        let bytes = read(at, room.min(HEADER_BYTES_MAX))?;
        let Some((id, size, header_bytes)) = header(&bytes) else {
            return Err(Error::Damaged("an element without an id or a length"));
        };
        let body = at + header_bytes;
        if size.is_some_and(|size| size > end - body.min(end)) {
            return Err(Error::Damaged("an element longer than the one around it"));
        }
        Ok(Some(Self { id, body, size }))
    }

    /// The first byte behind it, or behind what it lies in.
    pub(super) fn end(&self, around: u64) -> u64 {
        self.size
            .map_or(around, |size| self.body.saturating_add(size))
    }
}

/// Elements in memory, as far as they are whole.
#[derive(Debug, Clone)]
pub(super) struct Children<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Children<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, size, header_bytes) = header(self.0)?;
        let rest = self.0.get(usize::try_from(header_bytes).ok()?..)?;
        let size = usize::try_from(size?).ok()?;
        let (body, rest) = rest.split_at_checked(size)?;
        self.0 = rest;
        Some((id, body))
    }
}

/// The body of the first of these elements.
pub(super) fn find(body: &[u8], id: u32) -> Option<&[u8]> {
    Children(body)
        .find(|(one, _)| *one == id)
        .map(|(_, body)| body)
}

/// Id, length and the header's own length.
fn header(bytes: &[u8]) -> Option<(u32, Option<u64>, u64)> {
    let id_bytes = length_of(bytes, 4)?;
    let (id, rest) = bytes.split_at_checked(id_bytes)?;
    let id = id.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    let (size, size_bytes) = number(rest)?;
    let is_unknown = size == (1 << (7 * size_bytes)) - 1;
    let header_bytes = u64::try_from(id_bytes).ok()? + u64::from(size_bytes);
    Some((id, (!is_unknown).then_some(size), header_bytes))
}

/// A number of one to eight bytes, without the mark of its length; and how many those are.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, u32)> {
    let length = length_of(bytes, 8)?;
    let (bytes, _) = bytes.split_at_checked(length)?;
    let whole = bytes
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let length = u32::try_from(length).ok()?;
    Some((whole & ((1 << (7 * length)) - 1), length))
}

/// How many bytes a number has, by the zeros that it begins with.
fn length_of(bytes: &[u8], most: usize) -> Option<usize> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    (length <= most).then_some(length)
}

/// An unsigned number as an element has it: up to eight bytes.
pub(super) fn unsigned(body: &[u8]) -> Option<u64> {
    let is_number = body.len() <= 8;
    is_number.then(|| {
        body.iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    })
}

/// A text as an element has it: zeros behind it are padding.
pub(super) fn text(body: &[u8]) -> String {
    let text = body.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Reads the body of an element of a length that is told and bounded.
pub(super) fn body(
    read: Read<'_>,
    element: Element,
    bytes_max: u64,
) -> Result<Option<Bytes>, Error> {
    let Some(size) = element.size.filter(|size| *size <= bytes_max) else {
        return Ok(None);
    };
    let bytes = read(element.body, size)?;
    // Where the file ends before.
    Ok((bytes.len() as u64 == size).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_their_own_length() {
        assert_eq!(number(&[0x81]), Some((1, 1)));
        assert_eq!(number(&[0x40, 0x02, 9]), Some((2, 2)));
        assert_eq!(number(&[1, 0, 0, 0, 0, 0, 0, 5]), Some((5, 8)));
        for bytes in [&[][..], &[0, 1], &[0x40], &[1, 0, 0]] {
            assert_eq!(number(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn an_element_has_a_length_or_none_is_known() {
        assert_eq!(
            header(&[0x1a, 0x45, 0xdf, 0xa3, 0x82]),
            Some((0x1a45_dfa3, Some(2), 5))
        );
        assert_eq!(header(&[0xa3, 0xff]), Some((0xa3, None, 2)));
        assert_eq!(
            header(&[0x1f, 0x43, 0xb6, 0x75, 1, 255, 255, 255, 255, 255, 255, 255]),
            Some((0x1f43_b675, None, 12))
        );
        assert_eq!(header(&[0x08, 0, 0, 0, 0, 0x81]), None);
    }

    #[test]
    fn children_end_where_one_is_not_whole() {
        let body = [0xd7, 0x81, 7, 0x83, 0x81, 17, 0x86, 0x85, b'S'];
        let found: Vec<_> = Children(&body).collect();
        assert_eq!(found, [(0xd7, &[7][..]), (0x83, &[17][..])]);
        assert_eq!(find(&body, 0x83), Some(&[17][..]));
    }
}
