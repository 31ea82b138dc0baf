//! The program's commands.

mod ca;
pub mod check_config;
mod demo;
mod healthcheck;
mod metadata;
mod realms;
mod report;
mod run;
mod sessions;
mod test_sso;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The configuration file, when none is named.
const CONFIG: &str = "/etc/vestibule/vestibule.toml";

/// A captive-portal authenticating forward proxy: browsers sign in by SAML and browse on under their own name.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve, as the configuration file says, until SIGTERM
    Run {
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Name every problem of a configuration file, each with its line and what to do about it
    CheckConfig {
        /// The configuration file
        #[arg(default_value = CONFIG)]
        file: PathBuf,
    },
    /// Start everything on this machine with a practice identity provider: nothing to configure, nothing to install
    Demo {
        /// Where the proxy listens
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where the demo keeps its certificates [default: vestibule-demo in the user's state folder]
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// The interception authority
    #[command(subcommand)]
    Ca(Ca),
    /// Make a link at which a sign-in can be tested that signs nobody in, and that shows every check and claim
    TestSso {
        /// The realm's name
        realm: String,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Print our SAML metadata, to be uploaded at the identity provider
    Metadata {
        /// The realm's name, if there are several
        realm: Option<String>,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Who is signed in at a running node, and an end to it
    #[command(subcommand)]
    Sessions(Sessions),
    /// Who vouches for whose people at a running node, and which hosts of theirs wait for your word
    Realms(Realms),
    /// What access records tell
    #[command(subcommand)]
    Report(Report),
    /// Ask a running program whether it is well: exit code 0 or 1
    Healthcheck {
        /// The proxy's address [default: that of the first listener in the configuration file]
        #[arg(long)]
        address: Option<SocketAddr>,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Ca {
    /// Print the certificate that devices are to trust, as PEM
    Show {
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Which sites lose identity: how many requests had no user, why, and the rule that would exempt the site
    IdentityLoss(report::IdentityLoss),
}

#[derive(Debug, clap::Args)]
struct Realms {
    #[command(subcommand)]
    command: Option<RealmsCommand>,
    /// One JSON document a line
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file
    #[arg(long, global = true, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum RealmsCommand {
    /// Let people who have not signed in reach hosts that the identity provider's metadata name
    Accept {
        /// The realm's name
        realm: String,
        /// The hosts [default: all that wait]
        hosts: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Sessions {
    /// List sessions, all or one person's
    List {
        /// The person, by any of their names; or realm/name
        #[arg(long)]
        user: Option<String>,
        /// How many at most
        #[arg(long)]
        most: Option<usize>,
        /// One JSON document a line
        #[arg(long)]
        json: bool,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Show one session with everything that is known of it
    Show {
        /// Its identifier, or the beginning of it: the access log has eight characters
        session: String,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
    /// End a session, or all sessions of a person, with everything that runs on their behalf
    End {
        /// Its identifier, or the beginning of it
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        session: Option<String>,
        /// The person, by any of their names; or realm/name
        #[arg(long)]
        user: Option<String>,
        /// The configuration file
        #[arg(long, env = "VESTIBULE_CONFIG", default_value = CONFIG)]
        config: PathBuf,
    },
}

/// Why a command failed, and the exit code that says so (sysexits.h).
#[derive(Debug)]
struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    fn new(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    fn config(problems: &crate::config::Problems) -> Self {
        Self { message: problems.to_string(), code: check_config::WRONG }
    }
}

/// Does what was typed.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let done = match arguments.command {
        Command::Run { config } => run::run(&config),
        Command::CheckConfig { file } => return ExitCode::from(check_config::check_config(&file, &environment)),
        Command::Demo { listen, folder } => demo::demo(listen, folder),
        Command::Ca(Ca::Show { config }) => ca::show(&config),
        Command::Metadata { realm, config } => metadata::print(&config, realm.as_deref()),
        Command::Sessions(command) => sessions::sessions(&command),
        Command::Realms(asked) => realms::realms(&asked),
        Command::Report(Report::IdentityLoss(asked)) => report::identity_loss(&asked),
        Command::TestSso { realm, config } => test_sso::test_sso(&realm, &config),
        Command::Healthcheck { address, config } => healthcheck::healthcheck(address, &config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(std::io::stderr(), "{}", failure.message.trim_end()));
            ExitCode::from(failure.code)
        }
    }
}

/// Looks a variable of the environment up.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no runtime: {error}")))
}

/// Fires at the first SIGTERM or SIGINT; the second one ends the program at once.
fn stop_signal() -> Result<CancellationToken, Failure> {
    let mut term = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    let stop = CancellationToken::new();
    let fired = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if fired.is_cancelled() {
                std::process::exit(130);
            }
            fired.cancel();
        }
    });
    Ok(stop)
}
