//! The bare relay: what a proxy costs that reads nothing. The bound that physics sets on this machine.
//!
//! One thread; it accepts, dials the one origin, and moves bytes: by a copy while they are few, by splice(2) through a
//! pipe when they are many. It is this program, started again, so that it has a process of its own to be measured.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// The word on the command line that makes this program a relay.
pub(crate) const WORD: &str = "--bare-relay";

const LISTENER: Token = Token(usize::MAX);

/// A read that fills this is the beginning of something large.
const BUFFER: usize = 16 * 1024;

/// What a pipe holds: all that somebody without privileges may ask for (`/proc/sys/fs/pipe-max-size`).
const PIPE: usize = 1 << 20;

struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
    holds: usize,
}

/// What goes from one socket to the other.
#[derive(Default)]
struct Direction {
    unsent: Vec<u8>,
    pipe: Option<Pipe>,
    /// How much has gone through the pipe since there was last nothing to move.
    moved: usize,
    ended: bool,
}

struct Pair {
    sockets: [TcpStream; 2],
    directions: [Direction; 2],
}

/// Relays from `words[0]` to `words[1]` for ever.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let address = |place: usize| -> Result<SocketAddr> { Ok(words.get(place).context("two addresses")?.parse()?) };
    let (mut listener, origin) = (TcpListener::bind(address(0)?)?, address(1)?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; BUFFER]);
    let (mut pairs, mut free, mut pipes) = (Vec::<Option<Pair>>::new(), Vec::new(), Vec::new());
    loop {
        match poll.poll(&mut events, None) {
            // callgrind interrupts a program that it is asked about.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() != LISTENER {
                let (place, side) = (event.token().0 / 2, event.token().0 % 2);
                let Some(slot) = pairs.get_mut(place) else { continue };
                let Some(pair) = slot else { continue };
                let outcome = pair.serve(side, event.is_readable(), event.is_writable(), &mut buffer, &mut pipes);
                if outcome.is_err() || pair.directions.iter().all(|direction| direction.ended) {
                    *slot = None;
                    free.push(place);
                }
                continue;
            }
            while let Ok((client, _)) = listener.accept() {
                let Ok(origin) = TcpStream::connect(origin) else { continue };
                let place = free.pop().unwrap_or(pairs.len());
                let mut pair = Pair { sockets: [client, origin], directions: Default::default() };
                for (side, socket) in pair.sockets.iter_mut().enumerate() {
                    drop(socket.set_nodelay(true));
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(socket, Token(place * 2 + side), both)?;
                }
                match pairs.get_mut(place) {
                    Some(slot) => *slot = Some(pair),
                    None => pairs.push(Some(pair)),
                }
            }
        }
    }
}

impl Pair {
    fn serve(
        &mut self,
        side: usize,
        readable: bool,
        writable: bool,
        buffer: &mut [u8],
        pipes: &mut Vec<Pipe>,
    ) -> io::Result<()> {
        let Self { sockets: [client, origin], directions: [up, down] } = self;
        let (own, other) = if side == 0 { (&*client, &*origin) } else { (&*origin, &*client) };
        let (out, back) = if side == 0 { (up, down) } else { (down, up) };
        if readable && !out.ended {
            out.move_bytes(own, other, buffer, pipes)?;
        }
        if writable && back.holds_any() {
            back.move_bytes(other, own, buffer, pipes)?;
        }
        Ok(())
    }
}

impl Direction {
    fn holds_any(&self) -> bool {
        !self.unsent.is_empty() || self.pipe.as_ref().is_some_and(|pipe| pipe.holds > 0)
    }

    fn move_bytes(
        &mut self,
        from: &TcpStream,
        to: &TcpStream,
        buffer: &mut [u8],
        pipes: &mut Vec<Pipe>,
    ) -> io::Result<()> {
        match self.move_until_it_would_block(from, to, buffer, pipes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
                // A pipe is only for as long as there is much to move.
                let little = std::mem::take(&mut self.moved) < BUFFER;
                if let Some(pipe) = self.pipe.take_if(|pipe| little && pipe.holds == 0) {
                    pipes.push(pipe);
                }
                Ok(())
            }
            other => other,
        }
    }

    fn move_until_it_would_block(
        &mut self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        buffer: &mut [u8],
        pipes: &mut Vec<Pipe>,
    ) -> io::Result<()> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        loop {
            while !self.unsent.is_empty() {
                let count = to.write(&self.unsent)?;
                self.unsent.drain(..count);
            }
            let count = if let Some(pipe) = &mut self.pipe {
                while pipe.holds > 0 {
                    pipe.holds -= splice(&pipe.from, None, to, None, pipe.holds, flags)?;
                }
                pipe.holds = splice(from, None, &pipe.to, None, PIPE, flags)?;
                self.moved += pipe.holds;
                pipe.holds
            } else {
                let count = from.read(buffer)?;
                let read = buffer.get(..count).unwrap_or_default();
                match to.write(read) {
                    Ok(sent) => self.unsent.extend_from_slice(read.get(sent..).unwrap_or_default()),
                    Err(error) => {
                        self.unsent.extend_from_slice(read);
                        return Err(error);
                    }
                }
                if count == buffer.len() {
                    self.pipe = Some(pipes.pop().map_or_else(Pipe::new, Ok)?);
                } else if count > 0 && self.unsent.is_empty() {
                    // An edge-triggered socket that gave less than was asked for is empty (epoll(7)).
                    return Ok(());
                }
                count
            };
            if count == 0 {
                self.ended = true;
                return to.shutdown(std::net::Shutdown::Write);
            }
        }
    }
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (from, to) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A smaller one would do, too.
        fcntl_setpipe_size(&to, PIPE).ok();
        Ok(Self { from, to, holds: 0 })
    }
}
