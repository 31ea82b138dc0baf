//! What is known of a person (RFC 7643 §4.1, §4.3). A password is not: nobody signs in with one here.

use super::{DataType, Definition, ENTERPRISE, Schema};

pub(super) static USER: Schema = Schema {
    id: super::USER,
    name: "User",
    description: "User Account",
    attributes: &[
        Definition::text("userName", "The name under which the person is known, such as their user principal name")
            .required()
            .unique(),
        Definition::complex("name", NAME, "The parts of the person's name"),
        Definition::text("displayName", "The person's name, as pages show it"),
        Definition::text("nickName", "What the person is called"),
        Definition::link("profileUrl", &["external"], "A page about the person"),
        Definition::text("title", "The person's job title"),
        Definition::text("userType", "The person's relation to the organisation, such as Employee or Guest"),
        Definition::text("preferredLanguage", "The languages that the person reads, as in Accept-Language"),
        Definition::text("locale", "How dates and numbers are written for the person"),
        Definition::text("timezone", "The person's time zone, such as Europe/Berlin"),
        Definition::boolean("active", "Whether the person may sign in; otherwise all their sessions have ended"),
        Definition::list("emails", EMAILS, "Mail addresses"),
        Definition::list("phoneNumbers", PHONES, "Telephone numbers"),
        Definition::list("ims", LABELLED, "Addresses for instant messages"),
        Definition::list("photos", PHOTOS, "Pictures of the person"),
        Definition::list("addresses", ADDRESSES, "Postal addresses"),
        Definition::list("groups", GROUPS, "The groups to which the person belongs; they are changed at the groups")
            .ours(),
        Definition::list("entitlements", LABELLED, "What the person is entitled to"),
        Definition::list("roles", LABELLED, "The person's roles"),
        Definition::list("x509Certificates", CERTIFICATES, "Certificates of the person"),
    ],
};

pub(super) static EXTENSIONS: [Schema; 1] = [Schema {
    id: ENTERPRISE,
    name: "EnterpriseUser",
    description: "Enterprise User",
    attributes: &[
        Definition::text("employeeNumber", "The person's number in the organisation"),
        Definition::text("costCenter", "The person's cost centre"),
        Definition::text("organization", "The person's organisation"),
        Definition::text("division", "The person's division"),
        Definition::text("department", "The person's department"),
        Definition::complex("manager", MANAGER, "The person's manager"),
    ],
}];

const NAME: &[Definition] = &[
    Definition::text("formatted", "The whole name"),
    Definition::text("familyName", "The family name"),
    Definition::text("givenName", "The given name"),
    Definition::text("middleName", "The middle names"),
    Definition::text("honorificPrefix", "What stands before the name, such as Dr"),
    Definition::text("honorificSuffix", "What stands after the name, such as III"),
];

const DISPLAY: Definition = Definition::text("display", "How it is shown");
const PRIMARY: Definition = Definition::boolean("primary", "Whether it is the preferred one; there is one at most");
const TYPE: Definition = Definition::text("type", "What it is for");
const PLACES: &[&str] = &["work", "home", "other"];

const LABELLED: &[Definition] = &[Definition::text("value", "The value"), DISPLAY, TYPE, PRIMARY];
const EMAILS: &[Definition] = &[Definition::text("value", "The address"), DISPLAY, TYPE.of(PLACES), PRIMARY];
const PHONES: &[Definition] = &[
    Definition::text("value", "The number"),
    DISPLAY,
    TYPE.of(&["work", "home", "mobile", "fax", "pager", "other"]),
    PRIMARY,
];
const PHOTOS: &[Definition] = &[
    Definition::link("value", &["external"], "Where the picture is"),
    DISPLAY,
    TYPE.of(&["photo", "thumbnail"]),
    PRIMARY,
];
const CERTIFICATES: &[Definition] =
    &[Definition::new("value", DataType::Binary, "The certificate, DER").exact(), DISPLAY, TYPE, PRIMARY];
const ADDRESSES: &[Definition] = &[
    Definition::text("formatted", "The whole address"),
    Definition::text("streetAddress", "The street and the number"),
    Definition::text("locality", "The town"),
    Definition::text("region", "The state or region"),
    Definition::text("postalCode", "The postal code"),
    Definition::text("country", "The country, ISO 3166-1 alpha-2"),
    TYPE.of(PLACES),
    PRIMARY,
];
const GROUPS: &[Definition] = &[
    Definition::text("value", "The group's id").exact().ours(),
    Definition::link("$ref", &["Group"], "Where the group is").ours(),
    Definition::text("display", "The group's name").ours(),
    Definition::text("type", "How the person belongs to it").of(&["direct", "indirect"]).ours(),
];
const MANAGER: &[Definition] = &[
    Definition::text("value", "The manager's id").exact(),
    Definition::link("$ref", &["User"], "Where the manager is"),
    Definition::text("displayName", "The manager's name"),
];
