//! The journal's file: places of one size, made in advance and overwritten in place, so that a full disk takes them all
//! the same.
//!
//! | octets | hold |
//! |---|---|
//! | 0, 1 | the layout; what has been ended: `s` a session, `p` all sessions of a person, else the letter of a kind of record |
//! | 2 | 1 if the store has it |
//! | 8..24, 24..40 | its key; the key of its person |
//! | 40..48, 48..56 | when it was ended; when the entry expires: milliseconds since the epoch, big-endian |
//! | 56..72 | the authentication code over octets 0..56 |
//!
//! A place whose code does not match is free. If a crash has left it half written, nobody was told that it was written;
//! and the other places are read all the same. One thread writes. Callers put places into a tray under its lock, and
//! ring; the thread takes the whole tray, lets the lock go, writes and syncs once for all, and then answers those who
//! wait. A place stands in the tray in the order in which callers put it there, and the lock is never held during a
//! write: so `clear` of a place and a later `write` of the same place reach the disk in that order, and an entry is
//! never cleared after its successor was confirmed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{End, What};
use crate::clock::Timestamp;
use crate::session::store::attested::Attestor;

/// The file's name in the state folder.
pub const FILE: &str = "ends.journal";

const LAYOUT: u8 = 1;

/// The letter that goes into the journal's codes, so that no code of anything else is valid here.
const LETTER: u8 = b'j';

/// Octets of a place: a power of two, so that no place lies across two blocks of a disk.
const PLACE: usize = 128;
const ATTESTED: usize = 56;
const CODE: usize = 16;

/// Places that are made in one go. The first portion is made at the start, while the disk has room.
const PORTION: u32 = 512;

/// The most there can be.
const MAX_PLACES: u32 = 128 * 1024;

/// How long a caller waits for the disk before it counts an end as not written.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a disk that failed is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// How long a write for which nobody waits is put off, so that others go with it.
const LINGER: Duration = Duration::from_millis(500);

type Place = [u8; PLACE];

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    desk: Arc<Desk>,
    attestor: Arc<Attestor>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Desk {
    path: PathBuf,
    tray: Mutex<Tray>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Tray {
    writes: Vec<(u32, Place)>,
    waiting: Vec<oneshot::Sender<bool>>,
    free: Vec<u32>,
    places: u32,
    stop: bool,
}

impl Journal {
    /// Opens the journal, starts its thread, and gives the ends that it holds, each with its place.
    pub(super) fn open(path: PathBuf, attestor: Arc<Attestor>) -> (Self, Vec<(u32, End)>) {
        let found = read(&path, &attestor).unwrap_or_else(|error| {
            tracing::error!(file = %path.display(), %error, "the journal of ends cannot be read: sessions that ended while the store was away may go on");
            Vec::new()
        });
        let desk = Arc::new(Desk { path, tray: Mutex::default(), bell: Condvar::new() });
        let file = desk.open();
        if let Err(error) = &file {
            let file = desk.path.display();
            tracing::error!(%file, %error, "the journal of ends cannot be written: a sign-out while the store is away lasts only until the next restart");
        }
        let thread = {
            let desk = Arc::clone(&desk);
            std::thread::Builder::new().name("ends".into()).spawn(move || desk.run(file.ok())).ok()
        };
        (Self { desk, attestor, thread }, found)
    }

    /// Says which places are taken; all others are free from now on. Must be called before
    /// [`free_slot`](Self::free_slot).
    pub(super) fn occupy(&self, taken: impl Iterator<Item = u32>) {
        let taken: std::collections::HashSet<u32> = taken.collect();
        let mut tray = self.desk.tray();
        tray.free = (0..tray.places).rev().filter(|place| !taken.contains(place)).collect();
    }

    /// A free place, which is taken from now on. `None` if there are [`MAX_PLACES`].
    pub(super) fn free_slot(&self) -> Option<u32> {
        let mut tray = self.desk.tray();
        if tray.free.is_empty() && tray.places < MAX_PLACES {
            let first = tray.places;
            tray.places += PORTION;
            tray.free = (first..tray.places).rev().collect();
        }
        tray.free.pop()
    }

    /// Has an end written at once. The future says whether the disk has it.
    pub(super) fn write(&self, slot: u32, end: &End) -> impl Future<Output = bool> + Send + 'static {
        let (tell, told) = oneshot::channel();
        let mut tray = self.desk.tray();
        tray.writes.push((slot, self.place(end)));
        tray.waiting.push(tell);
        drop(tray);
        self.desk.bell.notify_one();
        async move { matches!(timeout(PATIENCE, told).await, Ok(Ok(true))) }
    }

    /// Has an end written anew in its place, within [`LINGER`]; nobody is told when.
    pub(super) fn note(&self, slot: u32, end: &End) {
        self.desk.tray().writes.push((slot, self.place(end)));
        self.desk.bell.notify_one();
    }

    /// Frees a place, and has it cleared within [`LINGER`].
    pub(super) fn clear(&self, slot: u32) {
        let mut tray = self.desk.tray();
        tray.writes.push((slot, [0; PLACE]));
        tray.free.push(slot);
        drop(tray);
        self.desk.bell.notify_one();
    }

    fn place(&self, end: &End) -> Place {
        let (letter, key) = match end.what {
            What::Session(key) => (b's', key),
            What::Person(key) => (b'p', key),
            What::Record(letter, key) => (letter, key),
        };
        let times = [end.at, end.expires].map(|time| time.as_millisecond().to_be_bytes()).concat();
        let told = u8::from(end.is_told);
        let mut octets = [&[LAYOUT, letter, told, 0, 0, 0, 0, 0], key.as_slice(), &end.person, &times].concat();
        octets.extend(self.attestor.code(LETTER, &octets));
        octets.resize(PLACE, 0);
        octets.first_chunk().copied().unwrap_or([0; PLACE])
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.desk.tray().stop = true;
        self.desk.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Desk {
    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file for this program alone, with room for as many places as are counted.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        file.try_lock().map_err(|_| io::Error::other("another process has it open"))?;
        let places = u32::try_from(file.metadata()?.len() / PLACE as u64).unwrap_or(MAX_PLACES).min(MAX_PLACES);
        let mut tray = self.tray();
        tray.places = tray.places.max(places).max(PORTION);
        let wanted = tray.places;
        drop(tray);
        make_room(&file, wanted)?;
        Ok(file)
    }

    fn run(&self, mut file: Option<File>) {
        let mut failed = file.is_none().then(Instant::now);
        loop {
            let (writes, waiting, stop) = self.next();
            if file.is_none() && failed.is_none_or(|failed| failed.elapsed() >= RETRY) {
                file = self.open().ok();
                failed = file.is_none().then(Instant::now);
            }
            let written = match &file {
                Some(file) => write(file, &writes),
                None => Err(io::ErrorKind::NotFound.into()),
            };
            if let (Err(error), true) = (&written, file.is_some()) {
                tracing::error!(file = %self.path.display(), %error, "the journal of ends cannot be written: it is opened anew and tried again");
                // After an error the descriptor is not trusted any more: Linux may report a lost write once and then
                // forget it. The file is opened anew, and `Ends::upkeep` has what was not written written again.
                file = None;
                failed = Some(Instant::now());
            }
            for waiter in waiting {
                // A caller who has given up waiting has dropped its end of the channel.
                waiter.send(written.is_ok()).ok();
            }
            if stop {
                return;
            }
        }
    }

    /// Waits for something to write, and takes it: at once if a caller waits for it, else after [`LINGER`].
    fn next(&self) -> (Vec<(u32, Place)>, Vec<oneshot::Sender<bool>>, bool) {
        let mut tray = self.tray();
        while tray.waiting.is_empty() && !tray.stop {
            if tray.writes.is_empty() {
                tray = self.bell.wait(tray).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (after, rest) = self.bell.wait_timeout(tray, LINGER).unwrap_or_else(PoisonError::into_inner);
            tray = after;
            if rest.timed_out() {
                break;
            }
        }
        (std::mem::take(&mut tray.writes), std::mem::take(&mut tray.waiting), tray.stop)
    }
}

fn write(file: &File, writes: &[(u32, Place)]) -> io::Result<()> {
    if let Some(last) = writes.iter().map(|(slot, _)| *slot).max() {
        make_room(file, (last / PORTION + 1) * PORTION)?;
    }
    for (slot, place) in writes {
        file.write_all_at(place, u64::from(*slot) * PLACE as u64)?;
    }
    file.sync_data()
}

/// Makes places up to this number by writing zeros. Setting the length alone would leave a hole, and the disk would
/// have to find room when a place is needed.
fn make_room(file: &File, places: u32) -> io::Result<()> {
    let (length, wanted) = (file.metadata()?.len(), u64::from(places) * PLACE as u64);
    if length < wanted {
        let zeros = vec![0; usize::try_from(wanted - length).unwrap_or(0)];
        file.write_all_at(&zeros, length)?;
        file.sync_all()?;
        tracing::debug!(places, "the journal of ends has room for more");
    }
    Ok(())
}

fn read(path: &Path, attestor: &Attestor) -> io::Result<Vec<(u32, End)>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut content = Vec::new();
    file.take(u64::from(MAX_PLACES) * PLACE as u64).read_to_end(&mut content)?;
    let places = content.chunks_exact(PLACE).zip(0..);
    let found: Vec<_> = places.clone().filter_map(|(place, slot)| Some((slot, parse(place, attestor)?))).collect();
    let used = places.filter(|(place, _)| place.iter().any(|octet| *octet != 0)).count();
    if used > found.len() {
        let unread = used - found.len();
        tracing::warn!(
            unread,
            "places in the journal of ends cannot be believed, and are ignored: a crash has left them half written, or somebody has changed the file"
        );
    }
    Ok(found)
}

fn parse(place: &[u8], attestor: &Attestor) -> Option<End> {
    let (octets, rest) = place.split_at_checked(ATTESTED)?;
    if !attestor.is_code(LETTER, octets, rest.get(..CODE)?) || octets.first() != Some(&LAYOUT) {
        return None;
    }
    let key = |from: usize| octets.get(from..from + 16)?.first_chunk().copied();
    let time = |from: usize| {
        let millis = i64::from_be_bytes(*octets.get(from..from + 8)?.first_chunk()?);
        Timestamp::from_millisecond(millis).ok()
    };
    let what = match *octets.get(1)? {
        b's' => What::Session(key(8)?),
        b'p' => What::Person(key(8)?),
        letter => What::Record(letter, key(8)?),
    };
    let is_told = octets.get(2) == Some(&1);
    Some(End { what, person: key(24)?, at: time(40)?, expires: time(48)?, is_told })
}
