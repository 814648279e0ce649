//! The arguments of every command and their help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config;
use crate::trail::chain::Head;

use super::{audit, certs, examples};

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked; a check found no failure
  1  it failed; a check found a failure
  2  the arguments or the configuration are wrong
  3  no ldapgate is running where it was looked for
  4  a configuration is held: it concerns too many accounts at once";

/// LDAP authentication proxy: forwards logins to the directory's controllers with failover, answers
/// searches from its own synced copy, and refuses accounts that are deactivated or out of scope.
#[derive(Debug, Parser)]
#[command(name = "ldapgate", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Arguments {
    /// Configuration file [default: config/ldapgate.toml if it is there, else
    /// /etc/ldapgate/ldapgate.toml]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve applications until SIGTERM or Ctrl-C
    ///
    /// Stops accepting on the first signal, finishes what is under way and exits with 0; a second signal
    /// ends it at once.
    #[command(after_help = examples::RUN)]
    Run,
    /// Test the configuration and every controller the way `run` will use them
    ///
    /// Connects to every controller, checks its certificate, binds with the service account and reads the
    /// whole directory; tries the applications' bases, groups and accounts on what it read. Changes
    /// nothing. A refused service password is tried once, so that the account is never locked out.
    #[command(after_help = examples::CHECK)]
    Check(CheckArguments),
    /// Show the whole thing on this machine: two controllers, the gate, and a failover every 20 s
    #[command(after_help = examples::DEMO)]
    Demo(DemoArguments),
    /// Make a local authority and a server certificate
    #[command(after_help = examples::CERTS)]
    Certs(CertsArguments),
    /// Make service accounts that only ldapgate knows
    #[command(after_help = examples::SERVICE_ACCOUNT)]
    #[command(subcommand)]
    ServiceAccount(ServiceAccountCommand),
    /// Show what the running ldapgate does: controllers, copies, sessions
    #[command(after_help = examples::STATUS)]
    Status(StatusArguments),
    /// Print the metrics of the running ldapgate, as OpenMetrics text
    ///
    /// The same is on the control socket as GET /v1/metrics. Names begin with ldapgate_; labels name directories and
    /// controllers, and nobody who logs in.
    #[command(after_help = examples::METRICS)]
    Metrics(MetricsArguments),
    /// Have the running ldapgate sync now, and wait for it; see past passes; decide on what is held
    ///
    /// A change that would take away or newly let in too many accounts at once is held: the copy stays as it was, and
    /// this command ends with 1 and says how to accept or reject it.
    #[command(after_help = examples::SYNC)]
    Sync(SyncCommand),
    /// Have the running ldapgate read its configuration again
    ///
    /// What is about applications counts at once, for open sessions too: who may not pass any more is disconnected. What
    /// needs a restart is named, and then nothing is taken over; nor is it from a file that is faulty. A change that would
    /// shut out or newly let in too many accounts at once is held (exit code 4) until it is accepted. SIGHUP does the
    /// same, but accepts nothing.
    #[command(after_help = examples::RELOAD)]
    Reload(ReloadArguments),
    /// Shut an account, a group or a whole application out at once
    ///
    /// Ends open sessions too, needs no controller, and holds over a restart. NAME is taken in any form that binds
    /// take (alice, CORP\\alice, alice@corp.example, a distinguished name, a GUID), over all directories; where it
    /// stands for several accounts nobody is blocked and all are listed. A new block replaces the one before,
    /// but does not end sooner: for that, lift it first.
    #[command(after_help = examples::BLOCK)]
    Block(BlockArguments),
    /// Lift a block
    #[command(after_help = examples::UNBLOCK)]
    Unblock(UnblockArguments),
    /// List the blocks in force: whom, until when, who set them and why
    #[command(after_help = examples::BLOCKS)]
    Blocks(BlocksArguments),
    /// Check the audit trail
    #[command(after_help = examples::AUDIT)]
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Give an account that the running ldapgate shields from lockout its failure budget back
    ///
    /// For somebody who has mistyped too often and is refused with "shielded" in the log. The directory's own lock is not
    /// touched by it.
    #[command(after_help = examples::UNSHIELD)]
    Unshield(UnshieldArguments),
    /// Show why the running ldapgate does what it does
    #[command(after_help = examples::EXPLAIN)]
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Show or set what the running ldapgate logs
    ///
    /// Lasts until the program ends; the configuration stays as it is.
    #[command(after_help = examples::LOG_LEVEL)]
    LogLevel(LogLevelArguments),
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Print one JSON document instead of lines for people
    #[arg(long)]
    pub json: bool,
    /// Print failures, warnings and the summary only
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}

/// Arguments of `certs`.
#[derive(Debug, Args)]
pub struct CertsArguments {
    /// The host names and IP addresses that applications connect to
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Where the files are kept; an authority that is there already is used again
    #[arg(long, value_name = "PATH", default_value = "certs")]
    pub directory: PathBuf,
    /// Days the server certificate is valid
    #[arg(long, default_value_t = certs::DEFAULT_DAYS)]
    pub days: u32,
    /// Replace an existing server key and certificate
    #[arg(long)]
    pub force: bool,
}

/// What to do with service accounts.
#[derive(Debug, Subcommand)]
pub enum ServiceAccountCommand {
    /// Make an account: prints its secret once, and the line for the configuration
    #[command(after_help = examples::SERVICE_ACCOUNT)]
    New(NewServiceAccountArguments),
}

/// Arguments of `service-account new`.
#[derive(Debug, Args)]
pub struct NewServiceAccountArguments {
    /// The name the application binds with
    pub name: String,
    /// Take the secret from this file (- for standard input) instead of making a random one
    #[arg(long, value_name = "PATH")]
    pub secret_file: Option<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Where applications connect; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3890")]
    pub listen: SocketAddr,
    /// Seconds between two failovers; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub every: u64,
}

/// Where the control socket is.
#[derive(Debug, Args)]
pub struct SocketArguments {
    /// Control socket of the running ldapgate [default: the one in the configuration]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `metrics`.
#[derive(Debug, Args)]
pub struct MetricsArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
}

/// What to do about the copying.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SyncCommand {
    /// Something other than a pass now.
    #[command(subcommand)]
    pub other: Option<SyncSubcommand>,
    /// The pass.
    #[command(flatten)]
    pub now: SyncArguments,
}

/// What else there is to do about the copying.
#[derive(Debug, Subcommand)]
pub enum SyncSubcommand {
    /// List the newest jobs: what was synced when, from where, and what it changed
    ///
    /// Passes that found nothing new are only counted.
    #[command(after_help = examples::SYNC_JOBS)]
    Jobs(JobsArguments),
    /// Apply the change that is held
    #[command(after_help = examples::SYNC_DECISIONS)]
    Accept(DecisionArguments),
    /// Drop the change that is held and keep the copy as it is
    ///
    /// The directory still says it: the next pass finds it again, and it is held again, until somebody sets the
    /// directory right or accepts it.
    #[command(after_help = examples::SYNC_DECISIONS)]
    Reject(DecisionArguments),
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub struct SyncArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The directory to sync [default: all]
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
    /// Read everything, not only what has changed
    #[arg(long)]
    pub full: bool,
    /// Print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show this user afterwards: attributes, account, groups; by login, mail address or distinguished name
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sync jobs`.
#[derive(Debug, Args)]
pub struct JobsArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The directory [default: all]
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
    /// How many; 1000 are kept
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub newest: usize,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `sync accept` and `sync reject`.
#[derive(Debug, Args)]
pub struct DecisionArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The directory [default: the only one that holds something]
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Who is meant by a block: exactly one of them.
#[derive(Debug, Args)]
#[group(id = "whom", required = true, multiple = false)]
pub struct OneArguments {
    /// An account, in any form that binds take
    pub name: Option<String>,
    /// A group: all of its members, nested ones included
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// An application: everybody there, its service accounts and local accounts included
    #[arg(long, value_name = "NAME")]
    pub application: Option<String>,
}

/// Who is meant by a block, and where to ask.
#[derive(Debug, Args)]
pub struct WhomArguments {
    /// Who is meant.
    #[command(flatten)]
    pub one: OneArguments,
    /// The directory of the account or group [default: all are looked in]
    #[arg(long, value_name = "NAME", conflicts_with = "application")]
    pub directory: Option<String>,
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
}

/// Arguments of `block`.
#[derive(Debug, Args)]
pub struct BlockArguments {
    /// Whom to block.
    #[command(flatten)]
    pub whom: WhomArguments,
    /// For how long: 30m, 8h, 14d [default: until it is lifted]
    #[arg(long = "for", value_name = "TIME", value_parser = config::duration)]
    pub length: Option<Duration>,
    /// Why; it is logged and listed
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `unblock`.
#[derive(Debug, Args)]
pub struct UnblockArguments {
    /// Whose block to lift, by the name it was set under, by any name they have now, or by GUID.
    #[command(flatten)]
    pub whom: WhomArguments,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `blocks`.
#[derive(Debug, Args)]
pub struct BlocksArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find lines that were edited, taken away, moved or cut off
    ///
    /// Needs the key of the trail and no running ldapgate. What was cut off at the end shows only against a head of
    /// earlier, which the log has every ten minutes and at every stop. Ends with 1 if something is wrong.
    #[command(after_help = examples::AUDIT)]
    Verify(AuditVerifyArguments),
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerifyArguments {
    /// The trail; old files beside it are checked with it [default: the one in the configuration]
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// The file of its key [default: the one in the configuration, or the name of FILE with .key behind it]
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
    /// Where the trail once stood, as the log has it: it must still have that line
    #[arg(long, value_name = "SEQ:MAC", value_parser = audit::head)]
    pub head: Option<Head>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `unshield`.
#[derive(Debug, Args)]
pub struct UnshieldArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The user: by login, mail address, distinguished name or identity
    pub name: String,
    /// The directory [default: every one that has such a user]
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reload`.
#[derive(Debug, Args)]
pub struct ReloadArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// Only print who would leave and come; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take over what is held, if the file is still the one that was held
    #[arg(long, conflicts_with = "dry_run")]
    pub accept: bool,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// Carry a search out on the copy and show which index answers which part of the filter
    ///
    /// Shows what is looked up where, to how many entries each part leads, which part leads the search,
    /// how many entries were looked at and how long it took. No entry is shown.
    #[command(after_help = examples::EXPLAIN)]
    Search(ExplainSearchArguments),
    /// Show why a login would pass or not, rule by rule; nobody is asked for a password
    ///
    /// Shows each step of the decision with what it looked at (those behind the first refusal say what they
    /// would say), the account, the way into its groups, the controller that would be asked, and what
    /// the client would be told.
    #[command(after_help = examples::EXPLAIN_BIND)]
    Bind(ExplainBindArguments),
}

/// Arguments of `explain bind`.
#[derive(Debug, Args)]
pub struct ExplainBindArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The name to bind with, in any form
    pub name: String,
    /// The application [default: the only one, or the one that --from tells]
    #[arg(long = "app", alias = "application", value_name = "NAME")]
    pub application: Option<String>,
    /// The client's address, which chooses the application
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<std::net::IpAddr>,
    /// The listener that the client connects to
    #[arg(long, value_name = "NAME")]
    pub listener: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `explain search`.
#[derive(Debug, Args)]
pub struct ExplainSearchArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The filter (RFC 4515)
    pub filter: String,
    /// The base [default: the whole copy]
    #[arg(long, value_name = "DN")]
    pub base: Option<String>,
    /// How far from the base: base, one, sub or children
    #[arg(long, value_name = "SCOPE", default_value = "sub")]
    pub scope: String,
    /// Search as this application, which sees its own users only [default: everything]
    #[arg(long, value_name = "NAME")]
    pub application: Option<String>,
    /// The directory [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
    /// Print the JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `log-level`.
#[derive(Debug, Args)]
pub struct LogLevelArguments {
    /// Where to ask.
    #[command(flatten)]
    pub socket: SocketArguments,
    /// The new level: error, warn, info or debug [default: show the present one]
    pub level: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            assert!(help.contains(&format!("  ldapgate {name}")), "{name}: {help}");
        }
    }

    #[test]
    fn help_names_every_exit_code() {
        use super::super::exit;
        let help = Arguments::command().render_long_help().to_string();
        for code in [exit::OK, exit::FAILED, exit::USAGE, exit::NOT_RUNNING, exit::HELD] {
            assert!(help.lines().any(|line| line.starts_with(&format!("  {code}  "))), "{code}");
        }
    }

    #[test]
    fn a_pass_and_a_look_back_exclude_each_other() {
        let parse = |line: &str| Arguments::try_parse_from(line.split_whitespace());
        let Command::Sync(sync) = parse("ldapgate sync jobs").unwrap().command else { panic!() };
        assert!(matches!(sync.other, Some(SyncSubcommand::Jobs(JobsArguments { newest: 20, .. }))));
        assert!(parse("ldapgate sync --full jobs").is_err());
        assert!(parse("ldapgate sync accept --full").is_err());
    }

    #[test]
    fn defaults() {
        let demo = Arguments::parse_from(["ldapgate", "demo"]);
        let Command::Demo(demo) = demo.command else { panic!("not demo") };
        assert_eq!((demo.listen.to_string().as_str(), demo.every), ("127.0.0.1:3890", 20));
        let status = Arguments::parse_from(["ldapgate", "status", "-c", "x.toml"]);
        assert_eq!(status.config, Some(PathBuf::from("x.toml")), "global after the command");
    }

    /// Examples that do not parse teach nothing.
    #[test]
    fn examples_parse() {
        let all = Arguments::command();
        let inner = all.get_subcommands().flat_map(clap::Command::get_subcommands);
        for command in all.get_subcommands().chain(inner) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter_map(|line| line.strip_prefix("  ldapgate ")) {
                let line = line.split(['#', '|', '&']).next().unwrap_or_default();
                let words = std::iter::once("ldapgate").chain(line.split_whitespace());
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{line}: {error}");
                }
            }
        }
    }
}
