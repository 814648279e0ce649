//! `[io]` From the arguments to a command, and from its end to an exit code.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use zeroize::Zeroizing;

use crate::config;
use crate::ldap::secret::Password;
use crate::private_file;
use crate::time::Now;

use super::arguments::{
    Arguments, AuditCommand, AuditVerifyArguments, CertsArguments, Command, ExplainCommand,
    NewServiceAccountArguments, ServiceAccountCommand, SocketArguments, SyncCommand,
    SyncSubcommand,
};
use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::{
    audit, block, certs, check, demo, explain, explain_bind, log_level, metrics, output, reload,
    run, service_account, status, sync, unshield,
};

/// Where the configuration is looked for, in this order, when none is named.
const CONFIGURATIONS: [&str; 2] = ["config/ldapgate.toml", "/etc/ldapgate/ldapgate.toml"];

/// Runs the command of this process's arguments. Wrong arguments end it here, with exit code 2.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let reason = format!("cannot start threads: {error}");
            return failed(&CommandError::Failed(reason));
        }
    };
    let ended = runtime.block_on(dispatch(&arguments));
    // A name that is being looked up or a file that is being read must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(done) => done.into(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &CommandError) -> ExitCode {
    eprintln!("ldapgate: {error}");
    ExitCode::from(error.code())
}

async fn dispatch(arguments: &Arguments) -> Result<Done, CommandError> {
    let config = arguments.config.as_deref();
    match &arguments.command {
        Command::Run => run::run(&locate(config)?).await,
        Command::Check(arguments) => check::run(&locate(config)?, arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Certs(arguments) => make_certificates(arguments),
        Command::ServiceAccount(ServiceAccountCommand::New(arguments)) => {
            new_service_account(arguments)
        }
        Command::Status(arguments) => {
            status::run(&client(config, &arguments.socket)?, arguments).await
        }
        Command::Metrics(arguments) => metrics::run(&client(config, &arguments.socket)?).await,
        Command::Sync(arguments) => sync(config, arguments).await,
        Command::Reload(arguments) => {
            reload::run(&client(config, &arguments.socket)?, arguments).await
        }
        Command::Block(arguments) => {
            block::block(&client(config, &arguments.whom.socket)?, arguments).await
        }
        Command::Unblock(arguments) => {
            block::unblock(&client(config, &arguments.whom.socket)?, arguments).await
        }
        Command::Blocks(arguments) => {
            block::list(&client(config, &arguments.socket)?, arguments).await
        }
        Command::Audit(AuditCommand::Verify(arguments)) => verify_audit(config, arguments),
        Command::Explain(ExplainCommand::Search(arguments)) => {
            explain::search(&client(config, &arguments.socket)?, arguments).await
        }
        Command::Explain(ExplainCommand::Bind(arguments)) => {
            explain_bind::bind(&client(config, &arguments.socket)?, arguments).await
        }
        Command::Unshield(arguments) => {
            unshield::run(&client(config, &arguments.socket)?, arguments).await
        }
        Command::LogLevel(arguments) => {
            log_level::run(&client(config, &arguments.socket)?, arguments).await
        }
    }
}

async fn sync(config: Option<&Path>, command: &SyncCommand) -> Result<Done, CommandError> {
    match &command.other {
        None => sync::run(&client(config, &command.now.socket)?, &command.now).await,
        Some(SyncSubcommand::Jobs(arguments)) => {
            sync::list(&client(config, &arguments.socket)?, arguments).await
        }
        Some(SyncSubcommand::Accept(arguments)) => {
            sync::decide(&client(config, &arguments.socket)?, "accept", arguments).await
        }
        Some(SyncSubcommand::Reject(arguments)) => {
            sync::decide(&client(config, &arguments.socket)?, "reject", arguments).await
        }
    }
}

/// The files that were named, or those of the configuration.
fn verify_audit(
    config: Option<&Path>,
    arguments: &AuditVerifyArguments,
) -> Result<Done, CommandError> {
    let AuditVerifyArguments { file, key_file, .. } = arguments;
    if let Some(file) = file {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".key");
        let key_file = key_file.clone().unwrap_or_else(|| beside.into());
        return audit::run(file, &key_file, arguments);
    }
    let path = locate(config)?;
    let configured =
        config::audit_trail(&path).map_err(|errors| CommandError::Usage(errors.to_string()))?;
    let Some((file, configured_key)) = configured else {
        let path = path.display();
        let text = format!("{path} has no audit trail (audit.file); name one with --file");
        return Err(CommandError::Usage(text));
    };
    audit::run(&file, key_file.as_ref().unwrap_or(&configured_key), arguments)
}

/// The configuration file that was named, or the first of those that are looked for.
fn locate(given: Option<&Path>) -> Result<PathBuf, CommandError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    let found = CONFIGURATIONS.iter().map(PathBuf::from).find(|path| path.exists());
    found.ok_or_else(|| {
        CommandError::Usage(format!(
            "there is no configuration; looked for {}; name one with -c",
            CONFIGURATIONS.join(" and ")
        ))
    })
}

fn client(
    config: Option<&Path>,
    arguments: &SocketArguments,
) -> Result<ControlClient, CommandError> {
    if let Some(socket) = &arguments.socket {
        return Ok(ControlClient::new(socket));
    }
    let path = locate(config)?;
    match config::control_socket(&path) {
        Ok(Some(socket)) => Ok(ControlClient::new(&socket)),
        Ok(None) => Err(CommandError::Usage(format!(
            "{} switches the control socket off (control = \"off\"), so a running ldapgate cannot \
             be asked",
            path.display()
        ))),
        Err(errors) => Err(CommandError::Usage(format!(
            "{errors}\n(or name the socket of the running ldapgate with --socket)"
        ))),
    }
}

fn make_certificates(arguments: &CertsArguments) -> Result<Done, CommandError> {
    let CertsArguments { names, directory, days, force } = arguments;
    let report = certs::make(directory, names, *days, *force, Now::read())
        .map_err(|error| CommandError::Failed(error.to_string()))?;
    output::print(&report.to_string())?;
    Ok(Done::Well)
}

fn new_service_account(arguments: &NewServiceAccountArguments) -> Result<Done, CommandError> {
    let failed =
        |error: service_account::ServiceAccountError| CommandError::Failed(error.to_string());
    let text = match &arguments.secret_file {
        None => {
            let account = service_account::generate(&arguments.name).map_err(failed)?;
            Zeroizing::new(format!(
                "secret  {}\n        for the application's settings; it is shown once and stored \
                 nowhere\n\nIn the [[application]] section of the configuration:\n  {}\n\nThe \
                 application binds as {} or as cn={},cn=ldapgate\n",
                account.secret.as_str(),
                account.toml_line,
                arguments.name,
                arguments.name,
            ))
        }
        Some(path) => {
            let secret = chosen_secret(path)?;
            let line = service_account::from_chosen(&arguments.name, &secret).map_err(failed)?;
            Zeroizing::new(format!(
                "In the [[application]] section of the configuration:\n  {line}\n"
            ))
        }
    };
    output::print(&text)?;
    Ok(Done::Well)
}

/// The secret in a file or on standard input, without the line feed that editors and `echo` add.
fn chosen_secret(path: &Path) -> Result<Password, CommandError> {
    let octets = if path == Path::new("-") {
        let mut octets = Zeroizing::new(Vec::new());
        let limit = u64::try_from(private_file::MAX_LENGTH).unwrap_or(u64::MAX);
        std::io::stdin().lock().take(limit).read_to_end(&mut octets).map_err(|error| {
            CommandError::Failed(format!("cannot read the secret from standard input: {error}"))
        })?;
        octets
    } else {
        private_file::read(path).map_err(|error| CommandError::Failed(error.to_string()))?
    };
    let octets = octets.strip_suffix(b"\n").unwrap_or(&octets);
    Ok(Password::copy_from(octets.strip_suffix(b"\r").unwrap_or(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_configuration_is_taken_as_it_is() {
        let path = Path::new("somewhere/else.toml");
        assert_eq!(locate(Some(path)).unwrap(), path);
    }

    #[test]
    fn a_missing_configuration_names_where_it_was_looked_for() {
        // Tests run in the package's directory, which ships the first of them.
        match locate(None) {
            Ok(found) => assert!(CONFIGURATIONS.iter().any(|path| found == Path::new(path))),
            Err(error) => {
                assert_eq!(error.code(), super::super::exit::USAGE);
                CONFIGURATIONS.iter().for_each(|path| assert!(error.to_string().contains(path)));
            }
        }
    }
}
