//! AVI made of another, chunk by chunk.

/// A chunk's name and content.
type Chunk<'a> = ([u8; 4], &'a [u8]);

/// The bytes in front of the list of media, its chunks by their names, and what is behind it.
fn apart(bytes: &[u8]) -> (&[u8], Vec<Chunk<'_>>) {
    let at = bytes.windows(4).position(|window| window == b"movi");
    let at = at.expect("a list of media");
    let size = |at: usize| {
        let bytes: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    };
    let end = at + size(at - 4);
    let (mut chunks, mut next) = (Vec::new(), at + 4);
    while next + 8 <= end {
        let name = bytes[next..next + 4].try_into().expect("four bytes");
        let length = size(next + 4);
        chunks.push((name, &bytes[next + 8..next + 8 + length]));
        next += 8 + length + length % 2;
    }
    (&bytes[12..at - 8], chunks)
}

fn chunk(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_le_bytes();
    let mut bytes = [&name[..], &length, body].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// A file of this head and these chunks of the first stream, with its index.
fn file(head: &[u8], chunks: &[([u8; 4], Vec<u8>)], has_index: bool) -> Vec<u8> {
    let mut media = b"movi".to_vec();
    let mut index = Vec::new();
    for (name, body) in chunks {
        let offset = u32::try_from(media.len()).expect("short");
        let length = u32::try_from(body.len()).expect("short");
        index.extend_from_slice(name);
        for number in [0x10, offset, length] {
            index.extend_from_slice(&number.to_le_bytes());
        }
        media.extend(chunk(*name, body));
    }
    let mut body = b"AVI ".to_vec();
    body.extend_from_slice(head);
    body.extend(chunk(*b"LIST", &media));
    if has_index {
        body.extend(chunk(*b"idx1", &index));
    }
    chunk(*b"RIFF", &body)
}

pub(crate) fn without_index(bytes: &[u8]) -> Vec<u8> {
    let (head, chunks) = apart(bytes);
    let chunks: Vec<_> = chunks
        .into_iter()
        .map(|(name, body)| (name, body.to_vec()))
        .collect();
    file(head, &chunks, false)
}

/// Two bits that tell the kind of a picture: 2 refers to others and is not referred to.
fn kind(picture: &[u8]) -> u8 {
    let mut codes = picture.windows(5);
    let code = codes.find(|window| window.starts_with(&[0, 0, 1, 0xb6]));
    code.expect("a picture")[4] >> 6
}

/// A film without sound as DivX packs it; 25 pictures a second.
pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let (head, chunks) = apart(bytes);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut pictures = chunks.iter().map(|(_, body)| *body).peekable();
    while let Some(picture) = pictures.next() {
        let mut packet = picture.to_vec();
        let mut blank = None;
        while let Some(next) = pictures.next_if(|next| kind(next) == 2) {
            match blank {
                None => {
                    packet.extend_from_slice(next);
                    // It refers to the one before, at no time, and nothing is coded.
                    blank = Some(vec![0, 0, 1, 0xb6, 0x50, 0x4f]);
                    packets.push(std::mem::take(&mut packet));
                }
                Some(_) => packets.push(next.to_vec()),
            }
        }
        packets.push(blank.unwrap_or(packet));
    }
    // What says so stands in front of the first picture.
    let first = packets.first_mut().expect("pictures");
    let at = first
        .windows(4)
        .position(|window| window == [0, 0, 1, 0xb6]);
    let at = at.expect("a picture");
    first.splice(at..at, *b"\0\0\x01\xb2DivX503b1393p");
    let chunks: Vec<_> = packets.into_iter().map(|body| (*b"00dc", body)).collect();
    file(head, &chunks, true)
}
