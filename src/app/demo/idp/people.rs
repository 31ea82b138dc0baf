//! The people of the practice identity provider: Microsoft's documentation names at CONTOSO.

/// Somebody who can sign in.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// `userPrincipalName`.
    pub upn: &'static str,
    /// `sAMAccountName`; cloud-only accounts have none.
    pub sam_account_name: Option<&'static str>,
    /// Given name and surname.
    pub names: [&'static str; 2],
    /// The mail address.
    pub mail: &'static str,
    /// The object identifier.
    pub object_id: &'static str,
    /// The groups. `None` stands for more than 150: Entra then sends a link instead.
    pub groups: Option<&'static [&'static str]>,
    /// Whether the person is assigned to the application.
    pub assigned: bool,
    /// The password, for practice.
    pub password: &'static str,
}

/// Everybody.
pub static PEOPLE: [Person; 5] = [
    Person {
        upn: "B.Simon@contoso.com",
        sam_account_name: Some("bsimon"),
        names: ["B.", "Simon"],
        mail: "B.Simon@contoso.com",
        object_id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01",
        groups: Some(&["Staff", "Research"]),
        assigned: true,
        password: "simon",
    },
    Person {
        upn: "AlexW@contoso.com",
        sam_account_name: Some("alexw"),
        names: ["Alex", "Wilber"],
        mail: "Alex.Wilber@contoso.com",
        object_id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b02",
        groups: Some(&["Staff", "Marketing"]),
        assigned: true,
        password: "alex",
    },
    // Only in the cloud, in no group.
    Person {
        upn: "AdeleV@contoso.com",
        sam_account_name: None,
        names: ["Adele", "Vance"],
        mail: "AdeleV@contoso.com",
        object_id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b03",
        groups: Some(&[]),
        assigned: true,
        password: "adele",
    },
    // In more groups than Entra sends.
    Person {
        upn: "DiegoS@contoso.com",
        sam_account_name: Some("diegos"),
        names: ["Diego", "Siciliani"],
        mail: "DiegoS@contoso.com",
        object_id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b04",
        groups: None,
        assigned: true,
        password: "diego",
    },
    // Not assigned to the application.
    Person {
        upn: "MeganB@contoso.com",
        sam_account_name: Some("meganb"),
        names: ["Megan", "Bowen"],
        mail: "MeganB@contoso.com",
        object_id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b05",
        groups: Some(&["Staff"]),
        assigned: false,
        password: "megan",
    },
];

impl Person {
    /// The person with this name and password.
    pub(super) fn sign_in(login: &str, password: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.is_called(login) && person.password == password)
    }

    /// Whether `login` names this person: UPN, mail address, or `sAMAccountName@contoso.com`.
    pub(super) fn is_called(&self, login: &str) -> bool {
        let login = login.trim();
        let short = self.sam_account_name.map(|short| format!("{short}@contoso.com"));
        [Some(self.upn), Some(self.mail), short.as_deref()]
            .into_iter()
            .flatten()
            .any(|name| name.eq_ignore_ascii_case(login))
    }

    /// The name for people to read.
    pub fn display_name(&self) -> String {
        self.names.join(" ")
    }
}
