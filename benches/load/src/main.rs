//! The load tool of scripts/bench: writes the data, is the floor of the machine, and compares servers under
//! the same load. Every answer is checked; one that is wrong ends the run.

mod ber;
mod compare;
mod connection;
mod dataset;
mod echo;
mod ldap;
mod ldif;
mod process;
mod run;
mod scenario;

use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use connection::Address;
use dataset::Company;
use run::{Load, Server};
use scenario::Kind;

const USAGE: &str = "\
ldapgate-load ldif --people N                  the data set as LDIF, for slapadd
ldapgate-load echo --listen ADDRESS            a server with one ready answer
ldapgate-load head                             the head of the table
ldapgate-load compare SCENARIO [options]       a line of the table for each server

Scenarios: equality ad-login member-of substring dump bind login
  --server NAME=URL,PID   a server and its process; repeatable, and the first is compared with each
  --people N              size of the data set [10000]
  --connections N         [16]
  --runs N                runs against each server, in turn [5]
  --warm-up SECONDS       before each run [0.5]
  --time SECONDS          of each run [3]
  --upstream PID          the process behind the servers, whose CPU is shown too
  --authority FILE        for ldaps://: who signed the certificates
  --no-resumption         every TLS handshake is a full one
  --canned                check only result codes
  --label TEXT            what the line is called [the scenario]
";

struct Options {
    words: Vec<String>,
    listen: Option<SocketAddr>,
    servers: Vec<String>,
    company: Company,
    connections: usize,
    runs: usize,
    warm_up: f64,
    time: f64,
    upstream: Option<u32>,
    authority: Option<PathBuf>,
    resumption: bool,
    canned: bool,
    label: Option<String>,
}

fn main() -> ExitCode {
    match options().map_err(|error| error.to_string()).and_then(|options| act(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ldapgate-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options {
        words: Vec::new(),
        listen: None,
        servers: Vec::new(),
        company: Company { people: 10_000 },
        connections: 16,
        runs: 5,
        warm_up: 0.5,
        time: 3.0,
        upstream: None,
        authority: None,
        resumption: true,
        canned: false,
        label: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) => options.words.push(word.string()?),
            Long("listen") => options.listen = Some(arguments.value()?.parse()?),
            Long("server") => options.servers.push(arguments.value()?.string()?),
            Long("people") => options.company.people = arguments.value()?.parse()?,
            Long("connections") => options.connections = arguments.value()?.parse()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("warm-up") => options.warm_up = arguments.value()?.parse()?,
            Long("time") => options.time = arguments.value()?.parse()?,
            Long("upstream") => options.upstream = Some(arguments.value()?.parse()?),
            Long("authority") => options.authority = Some(arguments.value()?.into()),
            Long("no-resumption") => options.resumption = false,
            Long("canned") => options.canned = true,
            Long("label") => options.label = Some(arguments.value()?.string()?),
            other @ (Short(_) | Long(_)) => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

fn act(options: &Options) -> Result<(), String> {
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ldif"] => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            ldif::write(options.company, &mut out)
                .and_then(|()| out.flush())
                .map_err(|error| error.to_string())
        }
        ["echo"] => echo::serve(options.listen.ok_or("echo needs --listen")?),
        ["head"] => {
            println!("{}", compare::HEAD);
            Ok(())
        }
        ["compare", scenario] => {
            let lines = compare(options, scenario)?;
            println!("{lines}");
            Ok(())
        }
        _ => Err(format!("what shall be done?\n\n{USAGE}")),
    }
}

fn compare(options: &Options, scenario: &str) -> Result<String, String> {
    let kind = Kind::parse(scenario)?;
    let servers = options.servers.iter().map(|text| server(text, options));
    let servers = servers.collect::<Result<Vec<_>, _>>()?;
    let load = Load {
        kind,
        questions: scenario::questions(kind, options.company),
        connections: options.connections.max(1),
        warm_up: Duration::from_secs_f64(options.warm_up),
        time: Duration::from_secs_f64(options.time),
        canned: options.canned,
    };
    let label = options.label.as_deref().unwrap_or(scenario);
    compare::compare(label, &load, &servers, options.upstream, options.runs)
}

/// Reads `NAME=URL,PID`.
fn server(text: &str, options: &Options) -> Result<Server, String> {
    let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once(',')?)));
    let (name, (url, pid)) = parts.ok_or_else(|| format!("{text} is not NAME=URL,PID"))?;
    Ok(Server {
        name: name.to_owned(),
        address: Address::parse(url, options.authority.as_deref(), options.resumption)?,
        pid: pid.parse().map_err(|_| format!("{pid} is no process"))?,
    })
}
