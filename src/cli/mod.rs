//! The program's commands.

mod act;
mod ca;
mod ca_export;
pub mod check_config;
mod demo;
mod directory;
mod directory_risk;
mod explain;
mod explain_person;
mod explain_record;
mod explained;
mod healthcheck;
mod interception;
mod lists;
mod log;
mod metadata;
mod password;
mod policy;
mod process;
mod realms;
mod reload;
mod replay;
mod report;
mod report_usage;
mod run;
mod scim;
mod sessions;
mod signals;
mod test_sso;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use check_config::Extent;
use process::{environment, keep_memory_private, runtime, say_panics, stop_signal};

/// The configuration file, when none is named.
const CONFIG: &str = "/etc/vestibule/vestibule.toml";

/// The environment variable that names another one.
const VARIABLE: &str = "VESTIBULE_CONFIG";

/// Where the configuration is, for every command that needs one.
#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file
    #[arg(long, env = VARIABLE, default_value = CONFIG)]
    config: PathBuf,
}

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
        #[command(flatten)]
        file: File,
        /// Let core dumps and debuggers see the memory of this program, with every key in it
        #[arg(long)]
        core_dumps: bool,
    },
    /// Have a running program take up its configuration file, as SIGHUP does, and say what has changed
    Reload {
        #[command(flatten)]
        file: File,
    },
    /// Name whatever is wrong with a configuration file, or would stop a start with it on this machine
    CheckConfig {
        /// The configuration file [default: as --config says]
        file: Option<PathBuf>,
        #[command(flatten)]
        named: File,
        /// Look at nothing but the file, and the files that it names: it is for another machine
        #[arg(long)]
        file_only: bool,
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
    /// The interception authority: print the certificates that devices are to trust, as PEM
    Ca(Ca),
    /// Make a link for a test of the sign-in to a realm: it signs nobody in, and shows every check and every claim
    TestSso {
        /// The realm's name
        realm: String,
        #[command(flatten)]
        file: File,
    },
    /// Print our SAML metadata, to be uploaded at the identity provider
    Metadata {
        /// The realm's name, if there are several
        realm: Option<String>,
        #[command(flatten)]
        file: File,
    },
    /// List or end the sessions at a running node
    #[command(subcommand)]
    Sessions(Sessions),
    /// List who vouches for whose people at a running node, and which of their hosts wait for your word
    Realms(Realms),
    /// What identity providers need to push people and groups by SCIM
    #[command(subcommand)]
    Scim(Scim),
    /// Whether the transmitters that tell of revoked sessions and accounts are heard
    #[command(subcommand)]
    Signals(Signals),
    /// What the lists of destinations hold, how old they are, and what is wrong with them
    Lists(Lists),
    /// The people and groups that are read from Microsoft Graph: how that stands, and who somebody is
    Directory(Directory),
    /// Do something to somebody's account in Entra ID, with `[directory.actions]`, and end their sessions here
    #[command(subcommand)]
    Act(Act),
    /// Say what the policy would decide, and why: every step, and each condition that is met or not
    Explain(Box<explain::Explain>),
    /// Whether the policy decides as it should
    #[command(subcommand)]
    Policy(Policy),
    /// Say what a draft of the policy would change about what access logs tell
    Replay(replay::Logs),
    /// Which interceptions failed
    #[command(subcommand)]
    Interception(InterceptionCommand),
    /// Sum up access records
    #[command(subcommand)]
    Report(Report),
    /// Ask the program that runs on this machine whether it is well: exit code 0 or 1
    Healthcheck {
        /// Ask over the network, at this address of a listener [default: ask through the socket in the state folder]
        #[arg(long)]
        address: Option<SocketAddr>,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, Subcommand)]
enum Signals {
    /// Say what has come of each transmitter, and what is wrong
    Status {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: File,
    },
    /// Have a transmitter send a verification event, and wait for it
    Verify {
        /// The name of the `[[signals]]` [default: the only one]
        name: Option<String>,
        #[command(flatten)]
        file: File,
    },
    /// Have a transmitter make a stream for this program, and say what to write into the configuration
    Create {
        /// The name of the `[[signals]]` [default: the only one]
        name: Option<String>,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, Subcommand)]
enum Scim {
    /// The tokens by which they are known
    #[command(subcommand)]
    Token(ScimToken),
}

#[derive(Debug, Subcommand)]
enum ScimToken {
    /// Make a token for a directory, and show it once. Two of a directory may be valid at the same time
    New {
        /// The directory's name
        directory: String,
        /// For how many days it is valid
        #[arg(long, default_value_t = 365)]
        days: u16,
        #[command(flatten)]
        file: File,
    },
    /// List the tokens: until when they are valid, and when each was used last
    List {
        /// One JSON document a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: File,
    },
    /// Have a token open nothing any more
    Revoke {
        /// What the list calls it
        token: String,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, clap::Args)]
struct Ca {
    #[command(subcommand)]
    command: Option<CaCommand>,
    /// The configuration file
    #[arg(long, global = true, env = VARIABLE, default_value = CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Say whose the authority's certificates are, by what devices show them, until when they are valid, and what comes next
    Show {
        /// One JSON document a line
        #[arg(long)]
        json: bool,
    },
    /// Write what devices, browsers and tools need to trust the authority, and say what to do with it
    Export(ca_export::Export),
    /// Make the authority that is to follow the present one, and publish both: nothing is issued by it yet
    Successor,
    /// Have the successor issue certificates from now on. What trusts only the authority before goes on working
    Promote {
        /// Have the authority before issue certificates again
        #[arg(long)]
        undo: bool,
        /// Even where Firefox and Go programs that trust only the authority before would break: they have the successor's certificate
        #[arg(long)]
        force: bool,
    },
    /// End the publication of the authority before the present one, and delete its key: what trusts only that one stops working
    Retire {
        /// Throw the successor away instead
        #[arg(long)]
        successor: bool,
    },
}

#[derive(Debug, Subcommand)]
enum InterceptionCommand {
    /// List what failed at a running node since its start, by site, client software and reason, each with the line that
    /// spares the site
    Failures {
        /// One JSON document a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, Subcommand)]
enum Policy {
    /// Put to the policy the cases that stand beside its rules, and say which ones come out otherwise: exit code 0 or 1
    Test {
        /// The configuration file [default: as --config says]
        file: Option<PathBuf>,
        #[command(flatten)]
        named: File,
    },
    /// Hash a password from standard input, for `override` of a rule
    HashPassword,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Which sites lose identity: how many requests had no user, why, and the rule that would exempt the site
    IdentityLoss(report::IdentityLoss),
    /// Who uses which sites, and how much, by person, group, site and day
    Usage(report_usage::UsageLogs),
}

#[derive(Debug, clap::Args)]
struct Realms {
    #[command(subcommand)]
    command: Option<RealmsCommand>,
    /// One JSON document a line
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file
    #[arg(long, global = true, env = VARIABLE, default_value = CONFIG)]
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
enum Act {
    /// Disable the account: nobody can sign in with it, and whoever is signed in here is signed out
    Disable(Target),
    /// Enable the account again
    Enable(Target),
    /// Sign the person out everywhere (Entra ID takes minutes; here it is at once)
    SignOut(Target),
    /// Have the person choose another password at the next sign-in, and sign them out here
    ResetPassword(Target),
    /// Sign the person out here alone
    SignOutHere(Target),
    /// Tell Entra ID Protection that somebody else uses the account: its risk is high from then on
    ConfirmCompromised(Target),
    /// Tell Entra ID Protection that the account has no risk
    Dismiss(Target),
    /// What was done, by whom and why, and what came of it
    List {
        /// One JSON document a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, clap::Args)]
struct Target {
    /// The person, by object ID or logon name
    user: String,
    /// Why: it is kept with the task and in the audit record
    #[arg(long)]
    why: String,
    /// Only say to whom it would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, clap::Args)]
struct Directory {
    #[command(subcommand)]
    command: DirectoryCommand,
    /// One JSON document a line
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file
    #[arg(long, global = true, env = VARIABLE, default_value = CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum DirectoryCommand {
    /// Say how each directory stands, what is wrong and what to do about it
    Status {
        /// Say it again whenever it changes, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Have a round begin now, and wait for its end: exit code 0 or 1
    Sync {
        /// The directory [default: all that are read from Microsoft Graph]
        name: Option<String>,
        /// Read everything anew, and not only what has changed
        #[arg(long)]
        full: bool,
        /// Take the round although it removes more people or groups than `most_removed` allows
        #[arg(long)]
        accept_removals: bool,
    },
    /// Print the links with which an administrator of the tenant grants what the applications ask for
    Consent {
        /// The directory [default: all that are read from Microsoft Graph]
        name: Option<String>,
    },
    /// List who is at risk, by Entra ID Protection, and what risk rules have done
    Risk {
        /// The directory [default: all whose risk is read]
        name: Option<String>,
        /// Read it first
        #[arg(long)]
        now: bool,
    },
    /// Say who somebody is, by a logon name or an object ID: exactly one person, or nobody
    Find {
        /// The name, such as `b.simon@example.com` or `CONTOSO\bsimon`
        name: String,
    },
    /// Print all people and direct memberships
    Dump {
        /// The directory [default: all]
        name: Option<String>,
        /// In lines that do not depend on when or in what order anything was read
        #[arg(long, required = true)]
        canonical: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Lists {
    #[command(subcommand)]
    command: Option<ListsCommand>,
    /// One JSON document a line
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file
    #[arg(long, global = true, env = VARIABLE, default_value = CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum ListsCommand {
    /// Say which lists hold a host or a URL, and what in them covers it
    Find {
        /// The host, or a URL: some lists are about parts of a site
        host: String,
    },
    /// Have a running program fetch a list now
    Refresh {
        /// The list [default: all that are fetched]
        name: Option<String>,
        /// Take it although it has lost more than half of its entries
        #[arg(long, requires = "name")]
        accept: bool,
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
        #[command(flatten)]
        file: File,
    },
    /// Show one session with everything that is known of it
    Show {
        /// Its identifier, or the first eight characters of it or more: the access log shows eight
        session: String,
        #[command(flatten)]
        file: File,
    },
    /// End a session, or all sessions of a person, with everything that runs on their behalf
    End {
        /// Its identifier, or the first eight characters of it or more
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        session: Option<String>,
        /// The person, by any of their names; or realm/name
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        file: File,
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
    say_panics();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 64 } else { 0 };
            // Nobody is left to tell when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    if !matches!(arguments.command, Command::Run { core_dumps: true, .. })
        && let Err(error) = keep_memory_private()
    {
        drop(writeln!(std::io::stderr(), "warning: core dumps of this program cannot be switched off: {error}"));
    }
    let done = match arguments.command {
        Command::Run { file, .. } => run::run(&file.config),
        Command::Reload { file } => reload::reload(&file.config),
        Command::CheckConfig { file, named, file_only } => {
            let extent = if file_only { Extent::File } else { Extent::Machine };
            let file = file.unwrap_or(named.config);
            return ExitCode::from(check_config::check_config(&file, extent, &environment));
        }
        Command::Demo { listen, folder } => demo::demo(listen, folder),
        Command::Ca(asked) => ca::ca(&asked),
        Command::Metadata { realm, file } => metadata::print(&file.config, realm.as_deref()),
        Command::Sessions(command) => sessions::sessions(&command),
        Command::Realms(asked) => realms::realms(&asked),
        Command::Lists(asked) => lists::lists(&asked),
        Command::Scim(Scim::Token(command)) => scim::token(&command),
        Command::Signals(command) => signals::signals(&command),
        Command::Directory(asked) => directory::directory(&asked),
        Command::Act(asked) => act::act(&asked),
        Command::Interception(command) => interception::interception(&command),
        Command::Report(Report::IdentityLoss(asked)) => report::identity_loss(&asked),
        Command::Report(Report::Usage(asked)) => report_usage::usage(&asked),
        Command::TestSso { realm, file } => test_sso::test_sso(&realm, &file.config),
        Command::Healthcheck { address, file } => healthcheck::healthcheck(address, &file.config),
        Command::Explain(asked) => explain::explain(&asked),
        Command::Policy(Policy::Test { file, named }) => policy::test(&file.unwrap_or(named.config)),
        Command::Policy(Policy::HashPassword) => password::hash(),
        Command::Replay(asked) => replay::replay(&asked),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(std::io::stderr(), "{}", failure.message.trim_end()));
            ExitCode::from(failure.code)
        }
    }
}
