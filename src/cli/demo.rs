//! `vestibule demo`: starts everything and says what to try.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use super::run::{Style, log_events, reload_at};
use super::{Failure, environment, runtime, stop_signal};
use crate::app::demo::idp::PEOPLE;
use crate::app::demo::world::PORTAL;
use crate::app::demo::{Demo, Error};
use crate::app::{self};
use crate::clock::Clock;
use crate::config::section::Level;

/// Runs the demo until Ctrl-C.
pub(super) fn demo(listen: SocketAddr, folder: Option<PathBuf>) -> Result<(), Failure> {
    if !listen.ip().is_loopback() {
        return Err(Failure::new("the demo has practice passwords: it listens on a loopback address only"));
    }
    let folder = folder.or_else(default_folder).ok_or_else(|| {
        Failure::new("there is no home folder to keep the demo's certificates in: name one with --folder")
    })?;
    std::fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    // Whoever reads this has typed it, whatever they send the output to.
    log_events(Level::Warn, Style::Text);
    runtime()?.block_on(serve(listen, &folder))
}

async fn serve(listen: SocketAddr, folder: &Path) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let hang_up = signal(SignalKind::hangup()).map_err(Failure::new)?;
    let access = folder.join("access.log");
    let extra = format!("[log]\naccess = {:?}\n[limits]\ndrain_time = \"1s\"\n", access.display().to_string());
    let started = Demo::start(folder, listen, &extra, &Clock::system()).await;
    let demo = match started {
        Ok(demo) => demo,
        // Something else has the usual port: any other is as good.
        Err(Error::App(app::Error::Bind(..))) => {
            let any = SocketAddr::new(listen.ip(), 0);
            Demo::start(folder, any, &extra, &Clock::system()).await.map_err(Failure::new)?
        }
        Err(error) => return Err(Failure::new(error)),
    };
    say(&introduction(&demo, &access));
    // As for `run`: the file is read again, and nothing ends.
    tokio::spawn(reload_at(hang_up, demo.reloader().clone(), stop.clone()));
    demo.run(stop).await.map_err(Failure::new)?;
    say("The demo has ended.\n");
    Ok(())
}

fn introduction(demo: &Demo, access: &Path) -> String {
    let (proxy, files) = (demo.proxy(), demo.files());
    let (authority, web, bundle) = (files.authority.display(), files.web.display(), files.bundle.display());
    let home = files.folder.join("browser");
    let home = home.display();
    let people: String = PEOPLE
        .iter()
        .map(|person| format!("    {:<28} {:<18} {}\n", person.upn, person.password, person.display_name()))
        .collect();
    format!(
        "\
Vestibule demo

  PAC address   http://{proxy}/proxy.pac
  Portal        {PORTAL}   (by way of the proxy)
  Authority     {authority}   (vouches for intercepted sites)
  Web           {web}   (stands for the public web's authorities)
  Access log    {access}

At the logon page, type CONTOSO\\bsimon, bsimon@contoso.com or B.Simon@contoso.com. People and passwords:
{people}
With curl, as a browser would go (the first line shows the logon page, the second what a tool is told):

    curl -sL -b jar -c jar -x http://{proxy} --cacert {bundle} -H 'Upgrade-Insecure-Requests: 1' 'http://news.test/today?q=1'
    curl -si -x http://{proxy} http://news.test/

With Chromium, in a profile of its own (certutil is in the package libnss3-tools):

    mkdir -p {home}/.pki/nssdb && certutil -d sql:{home}/.pki/nssdb -N --empty-password
    certutil -d sql:{home}/.pki/nssdb -A -t C,, -n web -i {web}
    certutil -d sql:{home}/.pki/nssdb -A -t C,, -n authority -i {authority}
    HOME={home} chromium --user-data-dir={home}/profile --proxy-pac-url=http://{proxy}/proxy.pac http://news.test/

  Leave the third line out to see how people sign in whose devices do not trust the authority: open
  https://mail.test/, and follow \"Connect\".

Sites: http and https of news.test, mail.test and shop.test. Ctrl-C ends the demo.

",
        access = access.display(),
    )
}

/// The user's state folder (XDG Base Directory Specification).
fn default_folder() -> Option<PathBuf> {
    let state = environment("XDG_STATE_HOME").filter(|path| path.starts_with('/')).map(PathBuf::from);
    let home = environment("HOME").filter(|path| !path.is_empty()).map(|home| PathBuf::from(home).join(".local/state"));
    state.or(home).map(|state| state.join("vestibule-demo"))
}

fn say(text: &str) {
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
}
