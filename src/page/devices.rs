//! The portal's pages for devices that have a proxy host name of their own.

use crate::clock::Timestamp;
use crate::page::html::{Extras, Forms};
use crate::page::{COPY, Nav, page};
use crate::setup::System;

/// The devices of a person, and the form that adds one.
#[derive(Clone, Debug)]
pub struct Devices {
    /// The devices, the newest first.
    pub devices: Vec<NamedDevice>,
    /// A notice at the top of the page.
    pub note: Option<DeviceNote>,
    /// Whether a name works only on networks where its person has used it.
    pub bound_to_networks: bool,
    /// The other pages.
    pub nav: Nav,
    /// The token that shows that a form came from this page.
    pub csrf: String,
}

page!(Devices, "devices.html", |_| Forms::Own);

/// One device.
#[derive(Clone, Debug)]
pub struct NamedDevice {
    /// What the person calls it.
    pub title: String,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// When it expires, unless somebody signs in on it before.
    pub expires: Timestamp,
    /// The networks on which it works, as a list for people.
    pub places: String,
    /// Whether its person must sign in on it before it can be used.
    pub signed_out: bool,
    /// The value that its buttons send.
    pub id: String,
}

/// The result of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceNote {
    /// The person has as many devices as are allowed.
    Full,
    /// One has been removed.
    Removed,
}

impl DeviceNote {
    fn key(self) -> &'static str {
        match self {
            Self::Full => "devices-full",
            Self::Removed => "devices-removed",
        }
    }
}

/// How to set up a device that was just added.
#[derive(Clone, Debug)]
pub struct DeviceSetUp {
    /// What the person calls it.
    pub title: String,
    /// The address of its PAC file.
    pub pac: String,
    /// Its files.
    pub files: Vec<SetUpFile>,
    /// The other pages.
    pub nav: Nav,
}

page!(DeviceSetUp, "device_set_up.html", |_| Forms::None, Extras { script: Some(COPY), sheet: None });

impl DeviceSetUp {
    fn script(&self) -> &'static str {
        COPY
    }
}

/// A set-up file for one system.
#[derive(Clone, Debug)]
pub struct SetUpFile {
    /// The system.
    pub system: System,
    /// The address of the file.
    pub href: String,
    /// The address of the file that also holds the authority's certificate.
    pub with_certificate: Option<String>,
}

impl SetUpFile {
    fn key(&self) -> &'static str {
        match self.system {
            System::Windows => "setup-windows",
            System::Apple => "setup-apple",
            System::Linux => "setup-linux",
            System::Terminal => "setup-terminal",
            System::Firefox => "setup-firefox",
            System::Chromium => "setup-chromium",
        }
    }
}
