//! Keeps a message body while it is looked at: a little in memory, the rest in a file that has no name and that only this
//! process can read. Bounded in size and in number.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinHandle;

/// How much of a body is kept in memory: a part of that length is written to the file, and read from it, at once.
const IN_MEMORY: usize = 128 * 1024;

/// The room that all bodies have together which one scanner is looking at.
#[derive(Debug)]
pub struct Space {
    folder: Arc<Path>,
    most: u64,
    taken: AtomicU64,
}

impl Space {
    /// Room for `most` octets in files in `folder`.
    pub fn new(folder: &Path, most: u64) -> Arc<Self> {
        Arc::new(Self { folder: folder.into(), most, taken: AtomicU64::new(0) })
    }

    /// A place for a body of this length; for one whose length is not known, if there is any room at all.
    pub fn place(self: &Arc<Self>, length: Option<u64>) -> Option<Spool> {
        let place = Spool {
            space: Arc::clone(self),
            taken: 0,
            in_memory: Vec::new(),
            file: None,
            in_file: 0,
            read: 0,
            writing: None,
            reading: None,
            is_broken: false,
        };
        let wanted = length.unwrap_or(1);
        (self.taken.load(Ordering::Relaxed).checked_add(wanted)? <= self.most).then_some(place)
    }

    fn take(&self, count: u64) -> io::Result<()> {
        if self.taken.fetch_add(count, Ordering::Relaxed).saturating_add(count) > self.most {
            self.taken.fetch_sub(count, Ordering::Relaxed);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

/// A body that is kept: first written, then read.
#[derive(Debug)]
pub struct Spool {
    space: Arc<Space>,
    taken: u64,
    /// What comes behind the file.
    in_memory: Vec<u8>,
    file: Option<Arc<File>>,
    in_file: u64,
    /// How much of the file has been read.
    read: u64,
    writing: Option<JoinHandle<io::Result<Arc<File>>>>,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    /// Whether something of it could not be kept: then nothing more is kept or read.
    is_broken: bool,
}

impl Spool {
    /// Ready when more can be pushed. The file is written on another thread, so that no worker waits for a disk.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writing) = &mut self.writing {
            let written = ready!(Pin::new(writing).poll(cx));
            self.writing = None;
            match written.map_err(io::Error::other).flatten() {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    self.is_broken = true;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(if self.is_broken { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) })
    }

    /// Whether all that was pushed is there, as far as is known.
    pub fn is_sound(&self) -> bool {
        !self.is_broken
    }

    /// Keeps more. Only when [`Self::poll_ready`] says so.
    pub fn push(&mut self, octets: &[u8]) -> io::Result<()> {
        let taken =
            if self.is_broken { Err(io::ErrorKind::StorageFull.into()) } else { self.space.take(octets.len() as u64) };
        self.is_broken |= taken.is_err();
        taken?;
        self.taken += octets.len() as u64;
        self.in_memory.extend_from_slice(octets);
        if self.in_memory.len() >= IN_MEMORY {
            let (part, at) = (std::mem::take(&mut self.in_memory), self.in_file);
            let (file, folder) = (self.file.take(), Arc::clone(&self.space.folder));
            self.in_file += part.len() as u64;
            self.writing = Some(tokio::task::spawn_blocking(move || {
                let file = match file {
                    Some(file) => file,
                    None => Arc::new(tempfile::tempfile_in(folder)?),
                };
                file.write_all_at(&part, at)?;
                Ok(file)
            }));
        }
        Ok(())
    }

    /// Reads the next part of the file.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        // What is said to be in the file and is not there has been lost.
        let (Some(file), at) = (&self.file, self.read) else {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        };
        let length = usize::try_from(self.in_file - at).unwrap_or(IN_MEMORY).min(IN_MEMORY);
        let file = Arc::clone(file);
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut part = vec![0; length];
                file.read_exact_at(&mut part, at)?;
                Ok(part)
            })
        });
        let part = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let part = part.map_err(io::Error::other)??;
        self.read += part.len() as u64;
        Poll::Ready(Ok(part))
    }
}

/// Reads what was pushed, from its beginning.
impl AsyncRead for Kept {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.spool.poll_ready(cx))?;
        while this.at == this.part.len() {
            if this.spool.read < this.spool.in_file {
                this.part = ready!(this.spool.poll_part(cx))?;
            } else if this.spool.in_memory.is_empty() {
                return Poll::Ready(Ok(()));
            } else {
                this.part = std::mem::take(&mut this.spool.in_memory);
            }
            this.at = 0;
        }
        let rest = this.part.get(this.at..).unwrap_or_default();
        let count = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..count).unwrap_or_default());
        this.at += count;
        Poll::Ready(Ok(()))
    }
}

/// A body that is kept, as a stream.
#[derive(Debug)]
pub(super) struct Kept {
    spool: Spool,
    part: Vec<u8>,
    at: usize,
}

impl From<Spool> for Kept {
    fn from(spool: Spool) -> Self {
        Self { spool, part: Vec::new(), at: 0 }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.space.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use tokio::io::AsyncReadExt as _;

    async fn push(spool: &mut Spool, octets: &[u8]) -> io::Result<()> {
        poll_fn(|cx| spool.poll_ready(cx)).await?;
        spool.push(octets)
    }

    #[tokio::test]
    async fn what_is_kept_is_read_again_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::new(folder.path(), 10_000_000);
        for length in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 7] {
            let all: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut spool = space.place(None).unwrap();
            for part in all.chunks(50_001) {
                push(&mut spool, part).await.unwrap();
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
            let mut read = Vec::new();
            Kept::from(spool).read_to_end(&mut read).await.unwrap();
            assert!(read == all, "{length}");
            assert_eq!(space.taken.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn all_bodies_together_have_so_much_room_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::new(folder.path(), 100);
        assert!(space.place(Some(101)).is_none());
        let mut first = space.place(Some(60)).unwrap();
        push(&mut first, &[0; 60]).await.unwrap();
        assert!(space.place(Some(41)).is_none());
        let mut second = space.place(None).unwrap();
        assert_eq!(push(&mut second, &[0; 41]).await.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(push(&mut second, &[0; 40]).await.is_err() && !second.is_sound(), "nothing is left out in its middle");
        let mut third = space.place(None).unwrap();
        push(&mut third, &[0; 40]).await.unwrap();
        assert!(space.place(None).is_none());
        drop(first);
        assert!(space.place(Some(60)).is_some());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error_and_no_loss_in_silence() {
        let space = Space::new(Path::new("/nowhere/at/all"), 10_000_000);
        let mut spool = space.place(None).unwrap();
        push(&mut spool, &vec![0; IN_MEMORY]).await.unwrap();
        assert!(push(&mut spool, b"x").await.is_err());
        assert!(!spool.is_sound() && push(&mut spool, b"x").await.is_err(), "it stays so");
        // Whoever reads it is told, and does not turn for ever.
        let mut read = Vec::new();
        assert!(Kept::from(spool).read_to_end(&mut read).await.is_err());
        let mut spool = space.place(None).unwrap();
        push(&mut spool, &vec![0; IN_MEMORY]).await.unwrap();
        let mut kept = Kept::from(spool);
        for _ in 0..2 {
            assert!(kept.read(&mut [0; 9]).await.is_err());
        }
    }
}
