//! Reads the head of an answer from a stream, and not a byte more.

use std::io;

use tokio::io::AsyncReadExt;

use crate::wire::h1::Stream;

/// Reads up to `end`, and `end` itself: what follows stays in the stream for whoever gets it. A head longer than `most`
/// bytes is `InvalidData`.
pub(super) async fn read_until(stream: &mut Stream, end: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::with_capacity(256);
    while !read.ends_with(end) {
        if read.len() >= most {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let next = next_piece(stream, &read, end).await?;
        read.extend_from_slice(&next);
    }
    Ok(read)
}

/// The next bytes that have arrived, up to the end of `end` if it is among them.
async fn next_piece(stream: &mut Stream, read: &[u8], end: &[u8]) -> io::Result<Vec<u8>> {
    // Inside TLS nothing can be peeked at, but reading single bytes costs no system call each.
    let Stream::Plain(stream) = stream else { return Ok(vec![stream.read_u8().await?]) };
    let mut seen = [0; 1024];
    let count = stream.peek(&mut seen).await?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // The end may have begun in what was read before.
    let tail = read.get(read.len().saturating_sub(end.len() - 1)..).unwrap_or_default();
    let joined = [tail, seen.get(..count).unwrap_or_default()].concat();
    let found = joined.windows(end.len()).position(|window| window == end);
    let count = found.map_or(count, |at| at + end.len() - tail.len());
    let mut piece = vec![0; count];
    stream.read_exact(&mut piece).await?;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn nothing_behind_the_end_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut far = listener.accept().await.unwrap().0;
        far.set_nodelay(true).unwrap();
        let mut stream = Stream::Plain(near);
        for pieces in [&["HTTP/1.1 200\r\n\r\nthe rest"][..], &["HTTP", "/1.1 200\r", "\n\r", "\nthe rest"][..]] {
            let reading = async { read_until(&mut stream, b"\r\n\r\n", 100).await.unwrap() };
            let writing = async {
                for piece in pieces {
                    far.write_all(piece.as_bytes()).await.unwrap();
                    // Lets the reader see the piece alone.
                    tokio::task::yield_now().await;
                }
            };
            let (head, ()) = tokio::join!(reading, writing);
            assert_eq!(head, b"HTTP/1.1 200\r\n\r\n");
            let mut rest = [0; 8];
            stream.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b"the rest");
        }
        far.write_all(&[b'a'; 2000]).await.unwrap();
        assert_eq!(read_until(&mut stream, b"\r\n\r\n", 100).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(far);
        let mut left = Vec::new();
        stream.read_to_end(&mut left).await.unwrap();
        assert_eq!(read_until(&mut stream, b"\r\n\r\n", 100).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
