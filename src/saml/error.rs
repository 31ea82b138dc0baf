//! Why a message was not accepted.

use crate::saml::guard::Status;
use crate::saml::xml::{self, Construct};

/// Why a Response was not accepted. The text is for the log: to the person, all of them look the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than any message of an identity provider.
    #[error("the message is too long")]
    TooLong,
    /// Not base64 (RFC 2045).
    #[error("the message is not base64")]
    NotBase64,
    /// Not UTF-8.
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// Not well-formed XML, cut off, or followed by something.
    #[error("the message is not well-formed XML")]
    Malformed,
    /// Deeper, wider or with more elements than any message has.
    #[error("the message has too many parts")]
    TooComplex,
    /// It holds what no SAML message needs and what parsers are attacked with.
    #[error("the message holds {0}")]
    Forbidden(Construct),
    /// Another message than a Response.
    #[error("the message is not a Response")]
    NotAResponse,
    /// Another message than is taken at this place.
    #[error("the message is another one than is taken here")]
    OtherMessage,
    /// A query that has no message, several, or a part of one twice.
    #[error("the query does not hold exactly one message")]
    BadQuery,
    /// Not one whole DEFLATE stream (RFC 1951).
    #[error("the message is not deflated")]
    NotDeflated,
    /// A LogoutRequest without a NameID.
    #[error("the LogoutRequest names nobody")]
    NobodyNamed,
    /// An element that has no business where it stands.
    #[error("the message holds an element in a place where it does not belong")]
    MisplacedElement,
    /// An identifier that is missing, not a plain name, or not where identifiers stand.
    #[error("an identifier is missing or is not an XML name")]
    BadId,
    /// Two elements with one identifier.
    #[error("two elements have the same identifier")]
    DuplicateId,
    /// No Assertion at all, though the Status is Success.
    #[error("there is no Assertion")]
    NoAssertion,
    /// More Assertions than one, or one inside of something else.
    #[error("there is more than one Assertion, or one in the wrong place")]
    StrayAssertion,
    /// Encrypted, and the realm has no key to decrypt with.
    #[error("the Assertion is encrypted, and the realm has no RSA key")]
    EncryptedAssertion,
    /// Other parts than one EncryptedData and a few EncryptedKeys, each with a value of its own.
    #[error("the encrypted Assertion does not have the parts that it must have")]
    BadEncryption,
    /// Not for a key of ours, or changed on the way. It is not said which: that would help to decrypt it.
    #[error("the encrypted Assertion cannot be decrypted")]
    NotDecrypted,
    /// A Signature that belongs neither to the Response nor to its Assertion, or a second one.
    #[error("there is a Signature in the wrong place")]
    StraySignature,
    /// A Signature with other parts than SignedInfo, SignatureValue and KeyInfo, or with other than one Reference.
    #[error("a Signature does not have the parts that it must have")]
    BadSignatureShape,
    /// A Reference to something else than the element that the Signature stands in.
    #[error("a Signature refers to something else than its own element")]
    ForeignReference,
    /// A transform or canonicalisation other than enveloped-signature and exclusive canonicalisation.
    #[error("a Signature uses a transform that is not allowed")]
    ForbiddenTransform,
    /// An algorithm that is weak or made with a shared secret.
    #[error("it is signed or encrypted with an algorithm that is not allowed")]
    ForbiddenAlgorithm,
    /// Another version of SAML.
    #[error("the version is not 2.0")]
    WrongVersion,
    /// Its Destination is another address than the one that it was posted to.
    #[error("the Response was sent to another Destination")]
    WrongDestination,
    /// Posted to an address that is not one of ours.
    #[error("the Response was posted to an address that takes none")]
    WrongEndpoint,
    /// Issued by another identity provider than the one that was asked.
    #[error("the issuer is another one")]
    WrongIssuer,
    /// Not the answer to the request that this browser was sent away with.
    #[error("it is not the answer to this request")]
    WrongRequest,
    /// The answer to a request that was made too long ago.
    #[error("the request was made too long ago")]
    RequestTooOld,
    /// The identity provider says that the sign-in failed. Such an answer may be unsigned: it says nothing about anybody.
    #[error("the identity provider answers {0}")]
    Status(Status),
    /// Neither the Response nor the Assertion is signed.
    #[error("nothing is signed")]
    NotSigned,
    /// A signature that does not verify with a key of this identity provider.
    #[error("a signature is not valid")]
    BadSignature,
    /// Two verifiers, or two parsers, do not agree on what was signed: an attack, or a fault in one of them.
    #[error("two verifiers disagree on what was signed")]
    Disagreement,
    /// A date that is missing or is not a UTC time.
    #[error("a time is missing or cannot be read")]
    BadTime,
    /// Issued later than now.
    #[error("it was issued in the future")]
    IssuedInFuture,
    /// Issued earlier than the request that it answers: the clocks differ, or it is the answer to nothing of the kind.
    #[error("it was issued before the request that it answers")]
    IssuedBeforeRequest,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// No Conditions.
    #[error("the Assertion has no Conditions")]
    NoConditions,
    /// A condition that we cannot judge makes the Assertion invalid (SAML Core §2.5.1.1).
    #[error("the Assertion has a condition that is not known here")]
    UnknownCondition,
    /// No AudienceRestriction.
    #[error("the Assertion is not restricted to an audience")]
    NoAudience,
    /// An AudienceRestriction that does not name us.
    #[error("the Assertion is meant for another audience")]
    WrongAudience,
    /// No bearer confirmation of the subject as the profile wants it.
    #[error("the Assertion has no bearer confirmation")]
    NoConfirmation,
    /// The confirmation is meant for another address.
    #[error("the Assertion is meant for another recipient")]
    WrongRecipient,
    /// A NameID or an attribute that is encrypted by itself: only whole Assertions are decrypted.
    #[error("a part of the Assertion is encrypted by itself: have the whole Assertion encrypted instead, or nothing")]
    EncryptedPart,
    /// No AuthnStatement: nobody signed in.
    #[error("the Assertion has no AuthnStatement")]
    NoAuthnStatement,
    /// The person signed in in another way than the realm asks for.
    #[error("the person signed in in another way than `authn_context` asks for")]
    OtherContext,
    /// The identity provider vouches by what the person did before they were asked.
    #[error("the identity provider did not ask the person anew")]
    NotAnew,
    /// The session at the identity provider is over.
    #[error("the session at the identity provider has ended")]
    SessionEnded,
}

impl From<xml::Error> for Error {
    fn from(error: xml::Error) -> Self {
        match error {
            xml::Error::Malformed => Self::Malformed,
            xml::Error::TooComplex => Self::TooComplex,
            xml::Error::Forbidden(construct) => Self::Forbidden(construct),
        }
    }
}
