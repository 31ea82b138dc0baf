//! The portal's pages for devices that use the proxy by a name of their own.

use crate::clock::Timestamp;
use crate::page::html::{Extras, Forms};
use crate::page::{COPY, Nav, page};
use crate::setup::System;

/// The devices of a person, and the form that makes one more.
#[derive(Clone, Debug)]
pub struct Devices {
    /// The devices, the newest first.
    pub devices: Vec<NamedDevice>,
    /// A line above the rest.
    pub note: Option<DeviceNote>,
    /// Whether a name is good only where its person has used it.
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
    /// When it ends, if nobody signs in on it.
    pub expires: Timestamp,
    /// Where it is good, as a list to read.
    pub places: String,
    /// Whether somebody must sign in on it first.
    pub signed_out: bool,
    /// What the buttons send.
    pub id: String,
}

/// What came of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceNote {
    /// There are too many.
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

/// How to set up a device that was made just now.
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

/// A file for one kind of device.
#[derive(Clone, Debug)]
pub struct SetUpFile {
    /// What it is for.
    pub system: System,
    /// Where it is.
    pub href: String,
    /// Where it is with the authority's certificate in it.
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
