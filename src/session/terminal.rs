//! Terminal sign-in: a terminal asks, a person approves it in a browser, and the terminal goes on as that person.
//!
//! It is the device authorization grant (RFC 8628), within one program. The *user code* is short, and stands in the
//! address that the person opens in a browser. The *device code* is a secret of the terminal: only with it, once, and
//! only from the client address that asked, can the token be collected. Nothing that is kept would sign anybody in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SessionId;
use super::limit::Limiter;
use super::store::{Error, Key, Kind, Store};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::net::count::Known;
use crate::seal::{fingerprint, random, random_text};
use crate::secret::Secret;

/// How long a code is good.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How many terminals of one client address may begin to ask in a minute: first those that a person told to, then those
/// to which a refusal offers it.
const PER_MINUTE: [u32; 2] = [20, 6];

/// The same for all clients together, so that what waits takes bounded room.
const IN_ALL_PER_MINUTE: [u32; 2] = [2000, 1000];

/// The letters of user codes (RFC 8628 §6.1): no vowels, so that no code is a word, and none that looks like another.
/// Eight of them are 34 bits.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

const USER_CODE_LEN: usize = 8;

/// A terminal that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    /// The client address.
    pub client: IpAddr,
    /// The `User-Agent` of the tool that asked.
    pub user_agent: String,
    /// When it asked.
    pub asked: Timestamp,
    device: Key,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Asking,
    Approved(SessionId),
    Refused,
}

/// The codes of a terminal that has begun to ask.
#[derive(Debug, PartialEq, Eq)]
pub struct Codes {
    /// For the person: `BCDF-GHJK`.
    pub user_code: String,
    /// For the terminal alone.
    pub device_code: Secret,
}

/// What a terminal finds that asks whether it was approved.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// Nobody has decided yet.
    Waiting,
    /// A person approved it in this session. The code is used up by this answer.
    Approved(SessionId, Terminal),
    /// A person refused it.
    Refused,
    /// There is no such code, or not any more, or it is another terminal's.
    Unknown,
}

/// Why a terminal asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A person wants to sign it in.
    Wanted,
    /// A request of its was refused, and the refusal offers a sign-in.
    Offered,
}

/// Terminals that ask.
#[derive(Debug)]
pub struct Terminals {
    store: Arc<dyn Store>,
    clock: Clock,
    limits: [Limiter; 2],
    in_all: [Limiter; 2],
    known: Known,
}

impl Terminals {
    /// Terminals that are kept in `store` while they ask.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let limiter = |max| Limiter::new(max, Duration::from_secs(60));
        let (limits, in_all) = (PER_MINUTE.map(limiter), IN_ALL_PER_MINUTE.map(limiter));
        Self { store, clock, limits, in_all, known: Known::default() }
    }

    /// The same, with a share that is left to clients of whom somebody is known.
    #[must_use]
    pub fn knowing(self, known: Known) -> Self {
        Self { known, ..self }
    }

    /// Lets a terminal ask. `None` if too many do, or if the store does not take it.
    pub async fn begin(&self, client: IpAddr, user_agent: &str, occasion: Occasion) -> Option<Codes> {
        let ([wanted, offered], [all_wanted, all_offered]) = (&self.limits, &self.in_all);
        let (own, all) = match occasion {
            Occasion::Wanted => (wanted, all_wanted),
            Occasion::Offered => (offered, all_offered),
        };
        if !own.admit_here(client) || !all.admit_any(self.known.has(client)) {
            return None;
        }
        let (user_code, secret) = (fresh_user_code(), random_text());
        let device_code = Secret::new(format!("{user_code}{secret}"));
        let now = self.clock.now();
        let terminal = Terminal {
            client: client.to_canonical(),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(120).collect(),
            asked: now,
            device: fingerprint(&secret),
            state: State::Asking,
        };
        let (record, expires) = (record(&terminal), after(now, LIFETIME));
        // Kept only if there is none, because another terminal may have the same code.
        let kept = self.store.swap(Kind::Terminal, key(&user_code), None, record, expires).await;
        let (start, end) = user_code.split_at_checked(USER_CODE_LEN / 2)?;
        (kept == Ok(true)).then(|| Codes { user_code: format!("{start}-{end}"), device_code })
    }

    /// The terminal that asks with this user code, if nobody has decided yet.
    pub async fn find(&self, user_code: &str) -> Result<Option<Terminal>, Error> {
        let Some(code) = normal(user_code) else { return Ok(None) };
        let found = self.store.peek(Kind::Terminal, key(&code)).await?;
        Ok(found.and_then(|record| read(&record)).filter(|terminal| terminal.state == State::Asking))
    }

    /// Lets the terminal with this user code go on as the person of `session`. `None` if no terminal asks with it.
    pub async fn approve(&self, user_code: &str, session: SessionId) -> Result<Option<Terminal>, Error> {
        self.decide(user_code, State::Approved(session)).await
    }

    /// Refuses the terminal with this user code. `None` if no terminal asks with it.
    pub async fn refuse(&self, user_code: &str) -> Result<Option<Terminal>, Error> {
        self.decide(user_code, State::Refused).await
    }

    async fn decide(&self, user_code: &str, state: State) -> Result<Option<Terminal>, Error> {
        let Some(code) = normal(user_code) else { return Ok(None) };
        let Some(seen) = self.store.peek(Kind::Terminal, key(&code)).await? else { return Ok(None) };
        let Some(terminal) = read(&seen).filter(|terminal| terminal.state == State::Asking) else { return Ok(None) };
        let decided = Terminal { state, ..terminal };
        let expires = after(decided.asked, LIFETIME);
        let swapped = self.store.swap(Kind::Terminal, key(&code), Some(seen), record(&decided), expires).await?;
        Ok(swapped.then_some(decided))
    }

    /// What has been decided about a terminal, if `device_code` is its own and `client` is the address that asked.
    pub async fn collect(&self, device_code: &str, client: IpAddr) -> Result<Collected, Error> {
        let Some((code, secret)) = device_code.split_at_checked(USER_CODE_LEN) else { return Ok(Collected::Unknown) };
        let Some(code) = normal(code) else { return Ok(Collected::Unknown) };
        let is_own =
            |terminal: &Terminal| terminal.device == fingerprint(secret) && terminal.client == client.to_canonical();
        let found = self.store.peek(Kind::Terminal, key(&code)).await?;
        let Some(terminal) = found.and_then(|record| read(&record)).filter(is_own) else {
            return Ok(Collected::Unknown);
        };
        match terminal.state {
            State::Asking => Ok(Collected::Waiting),
            State::Refused => Ok(Collected::Refused),
            State::Approved(_) => {
                let taken = self.store.take(Kind::Terminal, key(&code)).await?;
                match taken.and_then(|record| read(&record)).filter(is_own) {
                    Some(terminal @ Terminal { state: State::Approved(session), .. }) => {
                        Ok(Collected::Approved(session, terminal))
                    }
                    _ => Ok(Collected::Unknown),
                }
            }
        }
    }
}

fn fresh_user_code() -> String {
    let mut code = String::with_capacity(USER_CODE_LEN);
    while code.len() < USER_CODE_LEN {
        let [byte] = random();
        // 240 is a multiple of 20, so all letters are equally likely.
        if byte < 240
            && let Some(letter) = LETTERS.get(usize::from(byte) % LETTERS.len())
        {
            code.push(char::from(*letter));
        }
    }
    code
}

/// A user code as it is kept, from what people type: in small letters, without the hyphen, with blanks.
fn normal(user_code: &str) -> Option<String> {
    let letters = user_code.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase());
    let code: String = letters.take(USER_CODE_LEN + 1).collect();
    (code.len() == USER_CODE_LEN && code.bytes().all(|b| LETTERS.contains(&b))).then_some(code)
}

fn key(code: &str) -> Key {
    fingerprint(&format!("terminal {code}"))
}

fn record(terminal: &Terminal) -> Vec<u8> {
    serde_json::to_vec(terminal).unwrap_or_default()
}

fn read(record: &[u8]) -> Option<Terminal> {
    serde_json::from_slice(record).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::store::memory::Memory;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 8));

    fn terminals() -> (Terminals, Clock) {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        (Terminals::new(Arc::new(Memory::new(5000, clock.clone())), clock.clone()), clock)
    }

    fn session(text: &str) -> SessionId {
        SessionId::of_secret(text)
    }

    #[tokio::test]
    async fn what_was_approved_is_collected_once_by_the_terminal_that_asked() {
        let (terminals, _) = terminals();
        let codes = terminals.begin(HOME, "curl/8.14.1\n", Occasion::Wanted).await.unwrap();
        assert_eq!((codes.user_code.len(), codes.user_code.as_bytes()[4]), (9, b'-'));
        let device = codes.device_code.expose();
        assert_eq!(terminals.collect(device, HOME).await, Ok(Collected::Waiting));
        let found = terminals.find(&codes.user_code.to_lowercase()).await.unwrap().unwrap();
        assert_eq!((found.client, found.user_agent.as_str()), (HOME, "curl/8.14.1"));
        assert!(terminals.approve(&codes.user_code, session("a")).await.unwrap().is_some());
        assert_eq!(terminals.approve(&codes.user_code, session("b")).await, Ok(None), "it is decided once");
        assert_eq!(terminals.refuse(&codes.user_code).await, Ok(None));
        assert_eq!(terminals.find(&codes.user_code).await, Ok(None));
        assert_eq!(terminals.collect(device, OTHER).await, Ok(Collected::Unknown), "from another address");
        let guess = format!("{}{}", device.split_at(8).0, random_text());
        assert_eq!(terminals.collect(&guess, HOME).await, Ok(Collected::Unknown), "with the user code alone");
        let Ok(Collected::Approved(by, terminal)) = terminals.collect(device, HOME).await else { panic!() };
        assert_eq!((by, terminal.client), (session("a"), HOME));
        assert_eq!(terminals.collect(device, HOME).await, Ok(Collected::Unknown), "once");
    }

    #[tokio::test]
    async fn a_code_is_good_for_ten_minutes_and_a_refusal_is_told() {
        let (terminals, clock) = terminals();
        let codes = terminals.begin(HOME, "", Occasion::Wanted).await.unwrap();
        terminals.refuse(&codes.user_code).await.unwrap().unwrap();
        assert_eq!(terminals.collect(codes.device_code.expose(), HOME).await, Ok(Collected::Refused));
        let late = terminals.begin(HOME, "", Occasion::Wanted).await.unwrap();
        clock.advance(LIFETIME);
        assert_eq!(terminals.approve(&late.user_code, session("a")).await, Ok(None));
        assert_eq!(terminals.collect(late.device_code.expose(), HOME).await, Ok(Collected::Unknown));
        for code in ["", "BCDF", "BCDF-GHJKL", "AEIO-UAEI", "BCDF-GHJ\u{212a}", "../../etc"] {
            assert_eq!(terminals.find(code).await, Ok(None), "{code}");
            assert_eq!(terminals.collect(code, HOME).await, Ok(Collected::Unknown), "{code}");
        }
    }

    #[tokio::test]
    async fn one_client_has_a_bounded_number_of_codes_and_leaves_room_for_others() {
        let (terminals, _) = terminals();
        for (occasion, most) in [(Occasion::Offered, 6), (Occasion::Wanted, 20)] {
            for number in 0..most {
                assert!(terminals.begin(HOME, "", occasion).await.is_some(), "{number}");
            }
            assert!(terminals.begin(HOME, "", occasion).await.is_none());
            assert!(terminals.begin(OTHER, "", occasion).await.is_some());
        }
    }

    #[tokio::test]
    async fn strangers_leave_codes_for_clients_where_people_are_known() {
        let (terminals, _) = terminals();
        let known = Known::default();
        let terminals = terminals.knowing(known.clone());
        let [_, all] = IN_ALL_PER_MINUTE;
        let mut given = 0;
        for number in 0..all {
            let stranger = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number));
            given += u32::from(terminals.begin(stranger, "", Occasion::Offered).await.is_some());
        }
        assert_eq!(given, all - all / 4);
        assert!(terminals.begin(HOME, "", Occasion::Offered).await.is_none());
        known.note(HOME);
        assert!(terminals.begin(HOME, "", Occasion::Offered).await.is_some());
    }
}
