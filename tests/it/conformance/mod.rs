//! HTTP/1.1 to the letter: each rule by its RFC and section, with raw sockets on both sides of the program.
//!
//! A row is a test; its script says, step by step, what each side sends and must get. `C`, `D`, `E` are connections of
//! the client, `O`, `P`, `Q` those that the origin accepts, in that order.
//!
//! | step | meaning |
//! |---|---|
//! | `C> octets` | the side sends exactly this |
//! | `C< message` | the side gets this message: its start line, these fields and no others, this body, these trailers |
//! | `C~ message` | the same, or a little less of the body, and the message breaks off there: the connection is closed before the end that it announced |
//! | `O- message` | the head of the message, whose body is still to come |
//! | `C^ 200,204|Allow: *` | an answer of ours with one of these statuses, these fields and any others |
//! | `C= octets` | the side gets exactly these octets |
//! | `C# 400 type` | the client gets an error of ours: status, Proxy-Status, the request id of the access record |
//! | `C, octets` | the connection is closed, and no more than the beginning of these octets has arrived |
//! | `C.` | the connection is closed by the program, and nothing more has arrived |
//! | `C!` | the side ends what it sends |
//! | `Cx`, `Cr` | the side closes the connection, or resets it |
//! | `O?` | the origin may have got the beginning of what was refused, or more of a body |
//!
//! In octets, `|` is CR LF, `\r` `\n` `\t` `\0` `\xNN` are what they are in Rust, `\p` is `|`, and `{5*ab}` is `ab` five
//! times. In messages, `||` ends the head and, after a body, begins trailers; a value may end in `*`. What every message
//! may or must have is not written: Date, Connection with nothing but `close` or `keep-alive`, and our own line of Via.
//! `o.test` is the row's own origin and PORT its port, `t.test:443` one that may be tunnelled to, OURSELVES our name in
//! Via. `HEAD` or `CONNECT` before an answer says what it answers.
//!
//! After each row the origin is asked once more, by another client: whatever a row left behind would show there.

mod answers;
mod connections;
mod errors;
mod fields;
mod framing;
mod interim;
mod killed;
mod message;
mod octets;
mod patience;
mod refused;
mod stage;
mod targets;
mod tunnels;

/// Makes a test of each row.
macro_rules! rows {
    ($($(#[$rule:meta])* $name:ident = $script:expr;)*) => {
        $($(#[$rule])* #[test] fn $name() { super::stage::play(&$script); })*
    };
}
use rows;
