use super::*;

use std::future::poll_fn;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Both ends of a connection.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// Moves bytes until all have been written.
async fn run(flow: &mut Flow, from: &mut TcpStream, to: &mut TcpStream) -> Result<(), Error> {
    poll_fn(|cx| flow.poll(from, to, cx)).await
}

/// Moves some bytes. False if all have been written.
async fn advance(flow: &mut Flow, from: &mut TcpStream, to: &mut TcpStream) -> Result<bool, Error> {
    tokio::task::yield_now().await;
    let before = flow.moved();
    poll_fn(|cx| match flow.poll(from, to, cx)? {
        Poll::Ready(()) => Poll::Ready(Ok(false)),
        Poll::Pending if flow.moved() != before => Poll::Ready(Ok(true)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Bytes that are nowhere the same for long.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[tokio::test]
async fn exactly_the_bytes_of_a_body_move_and_what_follows_stays() {
    for count in [0, 1, MESSAGE - 1, MESSAGE, MESSAGE + 1, 3 * CAPACITY + 7] {
        let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
        let (body, mut got) = (noise(count), vec![0; count]);
        let sent = body.clone();
        let sending = tokio::spawn(async move {
            sender.write_all(&sent).await.unwrap();
            sender.write_all(b"next").await.unwrap();
            sender
        });
        let receiving = tokio::spawn(async move {
            receiver.read_exact(&mut got).await.unwrap();
            (receiver, got)
        });
        let mut flow = Flow::exactly(&Pipes::new(1), count as u64, Vec::new());
        run(&mut flow, &mut from, &mut to).await.unwrap();
        let (mut receiver, got) = receiving.await.unwrap();
        assert!(got == body, "{count} bytes arrive as others");
        drop(to);
        assert_eq!(receiver.read(&mut [0]).await.unwrap(), 0, "more than {count} bytes moved");
        let _sender = sending.await.unwrap();
        let mut next = [0; 4];
        from.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"next", "after {count} bytes");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_taken_for_a_whole_one() {
    for (count, sent) in [(10, 3), (10, 0), (CAPACITY, MESSAGE + 5)] {
        let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
        sender.write_all(&noise(sent)).await.unwrap();
        drop(sender);
        let mut flow = Flow::exactly(&Pipes::new(1), count as u64, Vec::new());
        let result = run(&mut flow, &mut from, &mut to).await;
        assert!(matches!(result, Err(Error::CutOff(left)) if left == (count - sent) as u64), "{result:?}");
        drop(to);
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), sent, "what came is passed on");
    }
}

#[tokio::test]
async fn what_came_before_a_reset_is_passed_on_and_the_reset_is_told() {
    // All of it fits into the window. The first is copied, the rest spliced.
    for count in [MESSAGE, MESSAGE + 1, 3 * MESSAGE] {
        let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
        let body = noise(count);
        sender.write_all(&body).await.unwrap();
        while from.peek(&mut vec![0; count]).await.unwrap() < count {
            tokio::task::yield_now().await;
        }
        SockRef::from(&sender).set_linger(Some(Duration::ZERO)).unwrap();
        drop(sender);
        let mut flow = Flow::to_end(&Pipes::new(1), Vec::new());
        let end = run(&mut flow, &mut from, &mut to).await;
        assert!(
            matches!(&end, Err(Error::Reading(error)) if error.kind() == io::ErrorKind::ConnectionReset),
            "{end:?}"
        );
        drop(to);
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        assert!(got == body, "{} of {count}", got.len());
    }
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
    SockRef::from(&to).set_send_buffer_size(64 * 1024).unwrap();
    SockRef::from(&receiver).set_recv_buffer_size(64 * 1024).unwrap();
    let body = noise(8 * CAPACITY);
    let (sent, count) = (body.clone(), body.len());
    let sending = tokio::spawn(async move {
        sender.write_all(&sent).await.unwrap();
        sender
    });
    let pipes = Pipes::new(1);
    let mut flow = Flow::exactly(&pipes, count as u64, Vec::new());
    // Nobody reads yet: the connection and the pipe fill up, and the flow waits.
    while flow.held() == 0 {
        drop(timeout(Duration::from_millis(20), advance(&mut flow, &mut from, &mut to)).await);
    }
    assert!(flow.moved() < count as u64);
    assert!(pipes.lend().is_none(), "a pipe that holds bytes is lent to nobody else");
    let receiving = tokio::spawn(async move {
        let mut got = vec![0; count];
        receiver.read_exact(&mut got).await.unwrap();
        got
    });
    while advance(&mut flow, &mut from, &mut to).await.unwrap() {}
    assert!(receiving.await.unwrap() == body);
    assert_eq!((flow.held(), flow.moved()), (0, count as u64));
    assert!(pipes.lend().is_some(), "it is given back empty");
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn without_a_pipe_bytes_are_copied() {
    let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
    let body = noise(5 * CAPACITY);
    let sent = body.clone();
    tokio::spawn(async move { sender.write_all(&sent).await.unwrap() });
    let receiving = tokio::spawn(async move {
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        got
    });
    let pipes = Pipes::new(0);
    let mut flow = Flow::to_end(&pipes, b"early ".to_vec());
    run(&mut flow, &mut from, &mut to).await.unwrap();
    drop(to);
    let got = receiving.await.unwrap();
    assert!(got.starts_with(b"early ") && got[6..] == body);
    assert_eq!(flow.moved(), got.len() as u64);
}

#[tokio::test]
async fn a_stream_is_spliced_and_a_message_is_not() {
    for (count, pipes_used) in [(100, 0), (8 * MESSAGE, 1)] {
        let ((mut sender, mut from), (mut to, mut receiver)) = (connection().await, connection().await);
        let body = noise(count);
        sender.write_all(&body).await.unwrap();
        drop(sender);
        let pipes = Pipes::new(4);
        run(&mut Flow::to_end(&pipes, Vec::new()), &mut from, &mut to).await.unwrap();
        drop(to);
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        assert!(got == body);
        assert_eq!(pipes.open(), pipes_used, "{count} bytes");
    }
}

#[tokio::test]
async fn which_connection_broke_is_told() {
    let ((mut sender, mut from), (mut to, receiver)) = (connection().await, connection().await);
    let pipes = Pipes::new(1);
    receiver.set_zero_linger().unwrap();
    drop(receiver);
    sender.write_all(&noise(MESSAGE)).await.unwrap();
    let mut flow = Flow::to_end(&pipes, Vec::new());
    let result = loop {
        match timeout(Duration::from_secs(10), advance(&mut flow, &mut from, &mut to)).await.unwrap() {
            Ok(_) => sender.write_all(&noise(MESSAGE)).await.unwrap(),
            Err(error) => break error,
        }
    };
    assert!(matches!(result, Error::Writing(_)), "{result:?}");
    let ((sender, mut from), (mut to, _receiver)) = (connection().await, connection().await);
    sender.set_zero_linger().unwrap();
    drop(sender);
    let result = run(&mut Flow::to_end(&pipes, Vec::new()), &mut from, &mut to).await;
    assert!(matches!(result, Err(Error::Reading(_))), "{result:?}");
}
