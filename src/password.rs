//! Passwords that people type, as the configuration keeps them: hashed by Argon2id (RFC 9106), never as they are.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::secret::Secret;

/// The shortest password, in characters.
const SHORTEST: usize = 8;

/// The longest password, in bytes: a form must not make us hash megabytes.
const LONGEST: usize = 1024;

/// What one hash may cost at most, so that a slip in a file does not exhaust a node: memory in KiB, passes, lanes.
const MOST: (u32, u32, u32) = (256 * 1024, 16, 4);

/// What one hash may cost at most in all, memory times passes: a second of a processor, or so.
const MOST_WORK: u32 = 1024 * 1024;

/// The least that it costs: less is guessed too fast. All settings that OWASP recommends are above it.
const LEAST_WORK: u32 = 32 * 1024;

/// The longest text of a hash.
const LONGEST_HASH: usize = 512;

/// The shortest salt and the shortest hash, in bytes (RFC 9106 §3.1).
const SHORTEST_PARTS: (usize, usize) = (8, 16);

/// A password that is known by its hash alone: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash` (the PHC string format).
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(Secret);

/// Why a text is not such a hash, or a password cannot have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no hash by Argon2id.
    #[error("it is no hash by Argon2id: `vestibule policy hash-password` makes one of a password")]
    NotAHash,
    /// It would cost more memory or time than a node should give for it.
    #[error(
        "the hash costs more than 256 MiB, 16 passes, 4 lanes, or 1 GiB times passes: `vestibule policy hash-password` makes a \
         good one"
    )]
    TooCostly,
    /// It would cost so little that guessing the password is easy.
    #[error(
        "the hash costs so little that the password is easy to guess: `vestibule policy hash-password` makes a good one"
    )]
    TooCheap,
    /// The password is too short to withstand guessing.
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// The password is too long.
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// Not enough memory, or no random numbers.
    #[error("the password cannot be hashed")]
    Failed,
}

impl HashedPassword {
    /// Hashes a new password, with the parameters that OWASP recommends (19 MiB, two passes).
    pub fn of(password: &str) -> Result<Self, Error> {
        if password.chars().count() < SHORTEST {
            return Err(Error::TooShort);
        }
        if password.len() > LONGEST {
            return Err(Error::TooLong);
        }
        let salt: [u8; 16] = random().ok_or(Error::Failed)?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        let hash: PasswordHash =
            hasher.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| Error::Failed)?;
        Self::parse(&hash.to_string())
    }

    fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST_HASH {
            return Err(Error::NotAHash);
        }
        let hash = PasswordHash::new(text.trim()).map_err(|_| Error::NotAHash)?;
        let is_whole = hash.salt.is_some() && hash.hash.is_some() && hash.version == Some(0x13);
        if hash.algorithm != argon2::ARGON2ID_IDENT || !is_whole {
            return Err(Error::NotAHash);
        }
        let params = Params::try_from(&hash).map_err(|_| Error::NotAHash)?;
        let (memory, passes, lanes) = MOST;
        if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes {
            return Err(Error::TooCostly);
        }
        let work = params.m_cost().saturating_mul(params.t_cost());
        if work > MOST_WORK {
            return Err(Error::TooCostly);
        }
        let (salt, output) = SHORTEST_PARTS;
        let is_short = hash.salt.as_ref().is_some_and(|own| own.as_ref().len() < salt)
            || hash.hash.as_ref().is_some_and(|own| own.as_bytes().len() < output);
        if work < LEAST_WORK || is_short {
            return Err(Error::TooCheap);
        }
        Ok(Self(Secret::new(text.trim().to_owned())))
    }

    /// Whether it is the hash of this password. Takes some tens of milliseconds and megabytes, so that guessing is slow:
    /// callers bound how many run at once.
    pub fn is_of(&self, password: &str) -> bool {
        let Ok(hash) = PasswordHash::new(self.0.expose()) else { return false };
        password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    }

    /// The text of the hash, for the configuration.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).ok()?;
    Some(octets)
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for HashedPassword {
    /// Reads what a [`Secret`] may be: the text, a file or an environment variable that holds it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::deserialize(deserializer)?;
        Self::parse(text.expose()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let hash = HashedPassword::of("correct horse").unwrap();
        assert!(hash.is_of("correct horse"));
        for other in ["Correct horse", "correct horse ", "", &"x".repeat(2000)] {
            assert!(!hash.is_of(other), "{other}");
        }
        assert_ne!(hash, HashedPassword::of("correct horse").unwrap(), "each has a salt of its own");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_eq!(format!("{hash:?}"), "***");
    }

    #[test]
    fn a_hash_that_another_program_has_made_is_read() {
        // From the tests of the reference implementation (phc-winner-argon2, src/test.c).
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = HashedPassword::parse(&format!("{text}\n")).unwrap();
        assert!(hash.is_of("password") && !hash.is_of("Password"));
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG";
        assert!(HashedPassword::parse(good).is_ok());
        for (text, wrong) in [
            ("hunter2".to_owned(), Error::NotAHash),
            (good.replace("argon2id", "argon2i"), Error::NotAHash),
            (good.replace("v=19$", ""), Error::NotAHash),
            (good.replace("v=19", "v=16"), Error::NotAHash),
            ("$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m".to_owned(), Error::NotAHash),
            ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ".to_owned(), Error::NotAHash),
            (good.replace("m=19456", "m=4194304"), Error::TooCostly),
            (good.replace("t=2", "t=1000"), Error::TooCostly),
            (good.replace("p=1", "p=64"), Error::TooCostly),
            (good.replace("m=19456,t=2", "m=262144,t=16"), Error::TooCostly),
            (good.replace("m=19456,t=2", "m=19456,t=1"), Error::TooCheap),
            (good.replace("m=19456", "m=64"), Error::TooCheap),
            (good.replace("RdescudvJCsgt3ub+b2dWRWJTmaaJObG", "RdescudvJCsgt3s"), Error::TooCheap),
            (format!("{good}{}", "A".repeat(1000)), Error::NotAHash),
        ] {
            assert_eq!(HashedPassword::parse(&text), Err(wrong), "{text}");
        }
        for params in ["m=7168,t=5", "m=9216,t=4", "m=12288,t=3", "m=19456,t=2", "m=47104,t=1", "m=65536,t=3"] {
            assert!(HashedPassword::parse(&good.replace("m=19456,t=2", params)).is_ok(), "{params}");
        }
        assert_eq!(HashedPassword::of("seven77"), Err(Error::TooShort));
        assert_eq!(HashedPassword::of(&"x".repeat(1025)), Err(Error::TooLong));
    }
}
