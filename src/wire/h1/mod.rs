//! HTTP/1.1 as a proxy must speak it (RFC 9112): strict in what it accepts, octet for octet in what it passes on.
//!
//! A library for servers or clients repairs what is wrong in a message, hides interim answers, and rewrites fields. A
//! proxy must do none of that: what it takes for one message, both ends must also take for one message.

mod answering;
mod body;
mod chunk;
mod connection;
mod error;
mod farewell;
mod fields;
mod framing;
mod head;
mod names;
mod serve;
mod target;

pub(super) use answering::Answering;
pub use body::{BodyError, Transfer};
pub use chunk::{ChunkError, Chunks, Piece};
pub use connection::{ByteStream, Connection, ReadError, Stream, head_length};
pub use error::{FramingError, HeadError};
pub use farewell::Farewell;
pub use fields::{Fields, Passed};
pub use framing::Length;
pub use head::{RequestHead, ResponseHead};
pub use names::FieldNames;
pub(crate) use names::mark;
pub use serve::{answer, serve, settle};
pub use target::{Form, RequestTarget};
