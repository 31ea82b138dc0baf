//! Answers under way, in boxes that are used again. An answer takes thousands of octets, and as many answers as there are
//! busy clients are under way at the same time: more than an allocator keeps at hand of that size.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::connection::Connection;
use super::error::HeadError;
use super::head::RequestHead;

/// How many boxes of answers that were given a thread keeps, for each of the few kinds that there are: as many requests at once
/// need no memory anew.
const MAX_SPARE: usize = 256;

/// A request as it was read, or why it could not be.
type Read = Result<RequestHead, HeadError>;

/// An answer that is under way. It gives the connection back if another request may follow.
///
/// `A` gives the answer. What it takes is made where it stays, in a future that goes on for ever and answers one request after the
/// other: a future of its own for each answer would be copied, whole and twice, on its way into the box.
pub(crate) struct Answering<A> {
    turn: Arc<Turn<A>>,
    answerer: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Where an answerer finds what it is asked, and leaves what it gives.
struct Turn<A>(Mutex<Stage<A>>);

enum Stage<A> {
    Idle,
    Asked(A, Box<Connection>, Read),
    Given(Option<Box<Connection>>),
}

thread_local! {
    /// Boxes of answers that were given: a `Vec<Answering<A>>` for each kind.
    static SPARE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

impl<A, F> Answering<A>
where
    A: FnOnce(Box<Connection>, Read) -> F + Send + 'static,
    F: Future<Output = Option<Box<Connection>>> + Send + 'static,
{
    /// An answer in a box that another one has left, if there is one.
    pub(crate) fn new(answer: A, connection: Box<Connection>, head: Read) -> Self {
        let answering = with_spare(Vec::pop).unwrap_or_else(Self::begin);
        *answering.turn.stage() = Stage::Asked(answer, connection, head);
        answering
    }

    fn begin() -> Self {
        let turn = Arc::new(Turn(Mutex::new(Stage::<A>::Idle)));
        let asked = Arc::clone(&turn);
        let answerer = async move {
            loop {
                // Nobody is woken: whoever has asked polls this next.
                let (answer, connection, head) = poll_fn(|_| asked.take_asked()).await;
                let given = answer(connection, head).await;
                *asked.stage() = Stage::Given(given);
            }
        };
        Self { turn, answerer: Box::pin(answerer) }
    }

    /// Waits until the answer is given, and keeps its box.
    pub(crate) async fn given(mut self) -> Option<Box<Connection>> {
        let given = poll_fn(|cx| self.poll(cx)).await;
        with_spare(|spare| {
            if spare.len() < MAX_SPARE {
                spare.push(self);
            }
        });
        given
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<Connection>>> {
        // It never ends.
        let (Poll::Ready(()) | Poll::Pending) = self.answerer.as_mut().poll(cx);
        self.turn.take_given()
    }
}

impl<A> Turn<A> {
    fn take_asked(&self) -> Poll<(A, Box<Connection>, Read)> {
        let mut stage = self.stage();
        match mem::replace(&mut *stage, Stage::Idle) {
            Stage::Asked(answer, connection, head) => Poll::Ready((answer, connection, head)),
            other => {
                *stage = other;
                Poll::Pending
            }
        }
    }

    fn take_given(&self) -> Poll<Option<Box<Connection>>> {
        let mut stage = self.stage();
        match mem::replace(&mut *stage, Stage::Idle) {
            Stage::Given(given) => Poll::Ready(given),
            other => {
                *stage = other;
                Poll::Pending
            }
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uses the boxes of one kind that the thread keeps.
fn with_spare<A: 'static, T>(with: impl FnOnce(&mut Vec<Answering<A>>) -> T) -> T {
    SPARE.with_borrow_mut(|kinds| {
        if let Some(spare) = kinds.iter_mut().find_map(|kind| kind.downcast_mut()) {
            return with(spare);
        }
        let mut spare = Vec::new();
        let given = with(&mut spare);
        kinds.push(Box::new(spare));
        given
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::h1::Stream;

    fn connection() -> Box<Connection> {
        Box::new(Connection::new(Stream::Other(Box::new(tokio::io::duplex(1).0))))
    }

    fn spare<A: 'static>(_: &A) -> usize {
        with_spare::<A, _>(|spare| spare.len())
    }

    #[tokio::test]
    async fn a_box_is_used_again_for_answers_of_its_kind_alone() {
        let kind = |keeps: bool| {
            move |connection: Box<Connection>, head: Read| async move {
                assert!(head.is_err());
                tokio::task::yield_now().await;
                keeps.then_some(connection)
            }
        };
        let other = |connection: Box<Connection>, _: Read| async move { Some(connection) };
        for keeps in [true, false, true] {
            let answering = Answering::new(kind(keeps), connection(), Err(HeadError::TooLarge));
            assert_eq!(spare(&kind(keeps)), 0, "it is in use");
            assert_eq!(answering.given().await.is_some(), keeps);
            assert_eq!(spare(&kind(keeps)), 1);
        }
        assert_eq!(spare(&other), 0);
        assert!(Answering::new(other, connection(), Err(HeadError::TooLarge)).given().await.is_some());
        assert_eq!((spare(&kind(true)), spare(&other)), (1, 1));
        let two = [true, false].map(|keeps| Answering::new(kind(keeps), connection(), Err(HeadError::TooLarge)));
        let [one, two] = two.map(Answering::given);
        let (one, two) = tokio::join!(one, two);
        assert_eq!((one.is_some(), two.is_some(), spare(&kind(true))), (true, false, 2));
    }

    #[tokio::test]
    async fn the_box_of_an_answer_that_is_broken_off_is_not_used_again() {
        let never = |connection: Box<Connection>, _: Read| async move {
            std::future::pending::<()>().await;
            Some(connection)
        };
        let mut answering = Answering::new(never, connection(), Err(HeadError::TooLarge));
        assert!(poll_fn(|cx| Poll::Ready(answering.poll(cx))).await.is_pending());
        drop(answering);
        assert_eq!(spare(&never), 0);
        let panics = |connection: Box<Connection>, head: Read| async move {
            assert!(head.is_ok(), "as this one does");
            Some(connection)
        };
        let answered = tokio::spawn(Answering::new(panics, connection(), Err(HeadError::TooLarge)).given()).await;
        assert!(answered.unwrap_err().is_panic());
        assert_eq!(spare(&panics), 0);
    }
}
