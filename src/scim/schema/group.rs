//! What is known of a group (RFC 7643 §4.2).

use super::{Definition, Schema};

pub(super) static GROUP: Schema = Schema {
    id: super::GROUP,
    name: "Group",
    description: "Group",
    attributes: &[
        Definition::text("displayName", "The group's name, as rules of the policy can name it").required().unique(),
        Definition::list("members", MEMBERS, "Who belongs to the group: people and other groups"),
    ],
};

const MEMBERS: &[Definition] = &[
    Definition::text("value", "The member's id").exact().once(),
    Definition::link("$ref", &["User", "Group"], "Where the member is").once(),
    Definition::text("type", "What the member is").of(&["User", "Group"]).once(),
];
