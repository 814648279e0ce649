//! `[io]` Starts the controllers and the gate, and ends both.

use std::fs::{self, DirBuilder};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::arguments::DemoArguments;
use crate::cli::exit::{CommandError, Done};
use crate::cli::output;
use crate::cli::run::{serve, stop_signal};
use crate::config;
use crate::demo::{
    Authority, Controller, Directory, DirectoryError, Options, SharedDirectory, company,
};
use crate::time::Now;

use super::configuration::{self, Places};
use super::failover;
use super::guide::{self, Facts};

/// The controllers' names.
const CONTROLLERS: [&str; 2] = ["dc1", "dc2"];

/// Runs the command until it is told to stop.
///
/// # Errors
/// A port is taken, or there is no place for temporary files.
pub async fn run(arguments: &DemoArguments) -> Result<Done, CommandError> {
    if !arguments.listen.ip().is_loopback() {
        return Err(CommandError::Usage(format!(
            "{}: the passwords of the demonstration are public, so it listens on loopback only",
            arguments.listen
        )));
    }
    let listen = free(arguments.listen)?;
    let stop = stop_signal().map_err(failed)?;
    let scratch = Scratch::new()?;
    let authority = Arc::new(Authority::new().map_err(failed)?);
    let directory = SharedDirectory::new(company_with_tombstones().map_err(failed)?);
    let controllers = start(&directory, &authority)?;
    let named: Vec<(String, SocketAddr)> = controllers
        .iter()
        .map(|controller| (controller.host_name().to_owned(), controller.ldaps_address()))
        .collect();
    let authority_file = scratch.0.join("ca.pem");
    fs::write(&authority_file, authority.pem()).map_err(failed)?;
    let control = scratch.0.join("control.sock");
    let places =
        Places { listen, controllers: &named, authority: &authority_file, control: &control };
    let config = config::load_text(&configuration::text(&places), &scratch.0).map_err(failed)?;
    output::print(&guide::text(&Facts {
        listen,
        controllers: &named,
        control: &control,
        program: &program(),
        every: arguments.every,
    }))?;
    tokio::select! {
        served = serve(config, stop) => served?,
        broken = failover::run(&controllers, Duration::from_secs(arguments.every)) => {
            broken.map_err(failed)?;
        }
    }
    Ok(Done::Well)
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}

/// The address with a real port, as the guide has to show it before the gate takes it.
fn free(address: SocketAddr) -> Result<SocketAddr, CommandError> {
    TcpListener::bind(address).and_then(|socket| socket.local_addr()).map_err(|error| {
        CommandError::Failed(format!(
            "{address}: {error}; choose another one, for example with --listen 127.0.0.1:0"
        ))
    })
}

/// This program as it can be called from the present directory: `cargo run` puts it on no path.
fn program() -> PathBuf {
    let Ok(program) = std::env::current_exe() else { return PathBuf::from("ldapgate") };
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(&here).map(Path::to_owned).unwrap_or(program)
}

/// The company with the container that every domain keeps its tombstones in. Without it ldapgate would begin with a
/// warning that deletions cannot be seen.
fn company_with_tombstones() -> Result<Directory, DirectoryError> {
    let mut directory = company(Now::read().wall)?;
    let container = format!("CN=Deleted Objects,{}", directory.domain().dn);
    directory.add(&container, &[("objectClass", "container"), ("isDeleted", "TRUE")])?;
    Ok(directory)
}

fn start(
    directory: &SharedDirectory,
    authority: &Arc<Authority>,
) -> Result<Vec<Controller>, CommandError> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    CONTROLLERS
        .iter()
        .map(|name| {
            let options = Options::new(name, directory, authority, address);
            Controller::start(SocketAddr::new(address, 0), directory, options).map_err(failed)
        })
        .collect()
}

/// A directory for the files of one demonstration, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, CommandError> {
        let path = std::env::temp_dir().join(format!("ldapgate-demo-{}", std::process::id()));
        // A directory that is there already belongs to somebody else, or to a dead namesake.
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            CommandError::Failed(format!("cannot make {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::debug!(path = %path.display(), %error, "not removed");
    }
}
