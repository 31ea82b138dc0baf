//! The name that a person types at the logon page, in any of its four forms.
//!
//! It chooses the realm, and fills in the name field at the identity provider. It never decides who the person is.

/// A logon name that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogonName {
    /// `DOMAIN\sAMAccountName`.
    DownLevel {
        /// The NetBIOS (or DNS) name of the domain, as typed.
        domain: String,
        /// The account's name in it.
        account: String,
    },
    /// `sAMAccountName@domain`, a mail address or a UPN: only the directory can tell which.
    AtDomain {
        /// The part before the last `@`.
        account: String,
        /// The domain, in lower case and in ASCII (UTS 46).
        domain: String,
    },
}

/// What is wrong with a typed name. The logon page has a sentence for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was typed.
    #[error("no name was typed")]
    Empty,
    /// Longer than any UPN can be.
    #[error("the name is longer than {MAX_LEN} characters")]
    TooLong,
    /// There is no domain in it.
    #[error("the name has no domain")]
    NoDomain,
    /// There is no account in it.
    #[error("the name has no account")]
    NoAccount,
    /// The domain is not a name that a domain can have.
    #[error("the domain is not valid")]
    BadDomain,
    /// It has a character that no logon name can have.
    #[error("the name has a character that no logon name can have")]
    BadCharacter,
}

/// A UPN has at most 64 characters before the `@` and 256 after it.
pub const MAX_LEN: usize = 321;

/// Characters that neither a `sAMAccountName` nor a UPN can have.
const FORBIDDEN: &str = "\"[]:;|=+*?<>/,";

impl LogonName {
    /// Reads what was typed. Ignores blanks around it.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(Error::Empty);
        }
        if typed.chars().count() > MAX_LEN {
            return Err(Error::TooLong);
        }
        if let Some((domain, account)) = typed.split_once('\\') {
            let (domain, account) = (checked(domain, Error::NoDomain)?, sam_account_name(account)?);
            if account.contains(['\\', '@']) || domain.contains('@') {
                return Err(Error::BadCharacter);
            }
            return Ok(Self::DownLevel { domain: domain.to_owned(), account: account.to_owned() });
        }
        let (account, domain) = typed.rsplit_once('@').ok_or(Error::NoDomain)?;
        // A plus sign is allowed in the account of a mail address, and nowhere else.
        let account = checked(&account.replace('+', ""), Error::NoAccount).map(|_| account)?;
        let domain = checked(domain, Error::NoDomain)?;
        if account.contains('@') {
            return Err(Error::BadCharacter);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| Error::BadDomain)?;
        Ok(Self::AtDomain { account: account.to_owned(), domain })
    }

    /// The domain that was typed.
    pub fn domain(&self) -> &str {
        match self {
            Self::DownLevel { domain, .. } | Self::AtDomain { domain, .. } => domain,
        }
    }

    /// The account that was typed.
    pub fn account(&self) -> &str {
        match self {
            Self::DownLevel { account, .. } | Self::AtDomain { account, .. } => account,
        }
    }
}

/// A `sAMAccountName` may have blanks inside, but is not of blanks and dots alone. No name in the other forms has any.
fn sam_account_name(typed: &str) -> Result<&str, Error> {
    let account = typed.trim();
    if account.chars().all(|c| c == ' ' || c == '.') {
        return Err(Error::NoAccount);
    }
    checked(&account.replace(' ', ""), Error::NoAccount).map(|_| account)
}

fn checked(part: &str, missing: Error) -> Result<&str, Error> {
    if part.is_empty() {
        return Err(missing);
    }
    if part.chars().any(|c| c.is_control() || c.is_whitespace() || FORBIDDEN.contains(c)) {
        return Err(Error::BadCharacter);
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_forms_are_read() {
        for (typed, account, domain) in [
            ("CONTOSO\\bsimon", "bsimon", "CONTOSO"),
            ("contoso.com\\bsimon", "bsimon", "contoso.com"),
            ("CONTOSO\\john smith", "john smith", "CONTOSO"),
            ("contoso.com\\ Svc Print 2. ", "Svc Print 2.", "contoso.com"),
            ("bsimon@contoso", "bsimon", "contoso"),
            (" B.Simon@Contoso.com ", "B.Simon", "contoso.com"),
            ("britta+news@bücher.example", "britta+news", "xn--bcher-kva.example"),
        ] {
            let name = LogonName::parse(typed).unwrap();
            assert_eq!((name.account(), name.domain()), (account, domain), "{typed}");
        }
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        for (typed, error) in [
            ("  ", Error::Empty),
            ("bsimon", Error::NoDomain),
            ("@contoso.com", Error::NoAccount),
            ("bsimon@", Error::NoDomain),
            ("\\bsimon", Error::NoDomain),
            ("CONTOSO\\", Error::NoAccount),
            ("CONTOSO\\  ", Error::NoAccount),
            ("CONTOSO\\. .", Error::NoAccount),
            ("CONTOSO\\john\tsmith", Error::BadCharacter),
            ("CONTOSO\\john\u{a0}smith", Error::BadCharacter),
            ("CONTOSO\\john * smith", Error::BadCharacter),
            ("CON TOSO\\john", Error::BadCharacter),
            ("CONTOSO\\b@simon", Error::BadCharacter),
            ("a@b@contoso.com", Error::BadCharacter),
            ("b simon@contoso.com", Error::BadCharacter),
            ("bsimon\u{0}@contoso.com", Error::BadCharacter),
            ("<b>@contoso.com", Error::BadCharacter),
            ("bsimon@-contoso-.com", Error::BadDomain),
            ("bsimon@contoso..com", Error::BadDomain),
        ] {
            assert_eq!(LogonName::parse(typed), Err(error), "{typed:?}");
        }
        assert_eq!(LogonName::parse(&"a".repeat(MAX_LEN + 1)), Err(Error::TooLong));
    }
}
