//! `[io]` The routes about blocks: setting, lifting, listing. A name becomes an identity here, over all directories.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use crate::policy::name::{self, Resolved};
use crate::policy::{BindName, Block, BlockTarget, DirectoryState, World};
use crate::session::kill_switch::{Kept, KillSwitchError};
use crate::time::{Now, unix_seconds};
use crate::trail::Event;
use crate::trail::event::Value;

use super::block_document::{BlockAnswer, BlockDocument, BlockKind, BlockList, BlockRequest, Whom};
use super::document::Failure;
use super::routes::Refused;
use super::state::ControlState;

/// Where these lines come from, for whoever filters the log: the same as for logins.
const TARGET: &str = "ldapgate::audit";
/// Longest reason, in characters.
const MOST_REASON: usize = 500;
/// Candidates that are listed for a name that stands for several.
const SHOWN_CANDIDATES: usize = 10;

/// Who is on the other end of the control socket, as the kernel tells it.
#[derive(Clone, Debug)]
pub(super) struct Operator(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Operator {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

impl Operator {
    /// `root (uid 0)`; `uid 1003` where no account of this machine has the number.
    pub(super) fn words(&self) -> String {
        let Some(uid) = self.0 else { return "unknown".to_owned() };
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next()?, fields.nth(1)?);
            (number.parse() == Ok(uid)).then(|| name.to_owned())
        });
        found.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
    }
}

/// Sets a block; it is in force, and on the disk where there is one, when this answers.
pub(super) async fn set(
    State(state): State<Arc<ControlState>>,
    ConnectInfo(operator): ConnectInfo<Operator>,
    body: Result<Json<BlockRequest>, JsonRejection>,
) -> Result<Json<BlockAnswer>, Refused> {
    let now = Now::read();
    let request = read(body)?;
    in_background(move || set_now(&state, request, operator.words(), now)).await.map(Json)
}

fn set_now(
    state: &ControlState,
    request: BlockRequest,
    set_by: String,
    now: Now,
) -> Result<BlockAnswer, Refused> {
    let BlockRequest { whom, for_seconds, reason } = request;
    if reason.chars().count() > MOST_REASON {
        let error = format!("it is longer than {MOST_REASON} characters");
        return Err(Refused::bad_request("reason", error));
    }
    let until = for_seconds.map(|seconds| end(now.wall, seconds)).transpose()?;
    let target = target(state, &whom)?;
    let block = Block { target, name: whom.name, until, reason, set_by, set_at: now.wall };
    let set = state
        .gate
        .kill_switch
        .block(block, || state.gate.world(), now.monotonic)
        .map_err(|error| trouble(&error))?;
    let document = shown(&set.block, &state.gate.world());
    let not_kept = match set.kept {
        Kept::Durably => None,
        Kept::UntilTheEnd => Some("there is no store (store = \"off\")".to_owned()),
        Kept::NotWritten(error) => Some(error.to_string()),
    };
    tracing::info!(
        target: TARGET,
        kind = document.kind.word(),
        name = ?document.name,
        directory = document.directory.as_deref(),
        guid = document.guid.as_deref(),
        dn = document.dn.as_deref(),
        until_unix = document.until_unix,
        reason = ?document.reason,
        by = document.set_by,
        sessions = set.sessions,
        kept = not_kept.is_none(),
        "blocked by an operator"
    );
    state.note(|| event("blocked", &document, &document.set_by, now.wall));
    Ok(BlockAnswer { block: document, sessions: set.sessions, not_kept })
}

fn end(from: SystemTime, seconds: u64) -> Result<SystemTime, Refused> {
    // What a calendar of four digits can still say.
    let most = Duration::from_secs(100 * 366 * 24 * 3600);
    let length = Some(Duration::from_secs(seconds)).filter(|length| *length <= most);
    length
        .filter(|length| !length.is_zero())
        .and_then(|length| from.checked_add(length))
        .ok_or_else(|| Refused::bad_request("for", "choose between 1s and 100 years".to_owned()))
}

/// Lifts a block.
pub(super) async fn lift(
    State(state): State<Arc<ControlState>>,
    ConnectInfo(operator): ConnectInfo<Operator>,
    body: Result<Json<Whom>, JsonRejection>,
) -> Result<Json<BlockDocument>, Refused> {
    let whom = read(body)?;
    in_background(move || lift_now(&state, &whom, &operator.words())).await.map(Json)
}

fn lift_now(state: &ControlState, whom: &Whom, by: &str) -> Result<BlockDocument, Refused> {
    let wall = Now::read().wall;
    let target = lifted(state, whom, wall)?;
    let lifted = state.gate.kill_switch.lift(&target, wall).map_err(|error| trouble(&error))?;
    let document =
        lifted.map(|block| shown(&block, &state.gate.world())).ok_or_else(|| unset(whom))?;
    tracing::info!(
        target: TARGET,
        kind = document.kind.word(),
        name = ?document.name,
        directory = document.directory.as_deref(),
        guid = document.guid.as_deref(),
        dn = document.dn.as_deref(),
        by,
        "unblocked by an operator"
    );
    state.note(|| event("unblocked", &document, by, wall));
    Ok(document)
}

/// What setting or lifting a block leaves in the audit trail.
fn event(kind: &'static str, block: &BlockDocument, by: &str, wall: SystemTime) -> Event {
    let mut event = Event::new(kind, wall)
        .field("kind", Value::Word(block.kind.word()))
        .field("name", Value::name(&*block.name));
    event.add_some("directory", block.directory.as_deref().map(Value::text));
    event.add_some("guid", block.guid.as_deref().map(Value::text));
    event.add_some("dn", block.dn.as_deref().map(Value::name));
    let until = block.until_unix.and_then(|until| u64::try_from(until).ok());
    event.add_some("until_unix", until.map(Value::Number));
    event.field("why", Value::text(&*block.reason)).field("by", Value::text(by))
}

/// Whose block is meant: the one that was set under this name, or has this identity, or is about whom the name
/// stands for now. An account that is gone, or has another name now, can be unblocked by the first two.
fn lifted(state: &ControlState, whom: &Whom, wall: SystemTime) -> Result<BlockTarget, Refused> {
    let world = state.gate.world();
    let blocks = state.gate.kill_switch.current();
    let mut found: Vec<&BlockTarget> = Vec::new();
    let resolved = resolved(&world, whom)?;
    for block in blocks.in_force(wall) {
        let document = shown(block, &world);
        let here = whom.directory.is_none() || whom.directory == document.directory;
        let named = document.name.eq_ignore_ascii_case(&whom.name)
            || document.guid.as_deref().is_some_and(|guid| guid.eq_ignore_ascii_case(&whom.name));
        let meant = resolved.iter().any(|one| target_of(whom.kind, one) == block.target);
        if here && document.kind == whom.kind && (named || meant) {
            found.push(&block.target);
        }
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unset(whom)),
        several => {
            let error = format!("{} blocks may be meant; name one by its guid", several.len());
            Err(refused(StatusCode::CONFLICT, whom, error))
        }
    }
}

/// The blocks in force.
pub(super) async fn list(State(state): State<Arc<ControlState>>) -> Json<BlockList> {
    let world = state.gate.world();
    let blocks = state.gate.kill_switch.current();
    let in_force = blocks.in_force(Now::read().wall);
    Json(BlockList { blocks: in_force.map(|block| shown(block, &world)).collect() })
}

fn shown(block: &Block, world: &World) -> BlockDocument {
    let (kind, of) = match &block.target {
        BlockTarget::Account { directory, guid } => (BlockKind::Account, Some((directory, guid))),
        BlockTarget::Group { directory, guid } => (BlockKind::Group, Some((directory, guid))),
        BlockTarget::Application(_) => (BlockKind::Application, None),
    };
    let entry = of.and_then(|(directory, guid)| world.view(directory)?.find_guid(guid));
    BlockDocument {
        kind,
        name: block.name.clone(),
        directory: of.map(|(directory, _)| directory.to_string()),
        guid: of.map(|(_, guid)| guid.to_string()),
        dn: entry.map(|entry| entry.dn().to_owned()),
        until_unix: block.until.map(unix_seconds),
        reason: block.reason.clone(),
        set_by: block.set_by.clone(),
        set_at_unix: unix_seconds(block.set_at),
    }
}

/// The one that the operator means.
fn target(state: &ControlState, whom: &Whom) -> Result<BlockTarget, Refused> {
    if whom.kind == BlockKind::Application {
        return application(state, whom);
    }
    let world = state.gate.world();
    let states = searched(&world, whom)?;
    match resolved(&world, whom)?.as_slice() {
        [one] => Ok(target_of(whom.kind, one)),
        [] => Err(refused(StatusCode::NOT_FOUND, whom, nobody(whom.kind, &states))),
        several => Err(refused(StatusCode::CONFLICT, whom, candidates(&world, several))),
    }
}

fn application(state: &ControlState, whom: &Whom) -> Result<BlockTarget, Refused> {
    let applications = state.gate.applications.current();
    let known = || applications.all().iter().map(|application| &application.name);
    match known().find(|name| ***name == *whom.name) {
        Some(name) => Ok(BlockTarget::Application(name.clone())),
        None => {
            let known: Vec<&str> = known().map(|name| &**name).collect();
            let error = format!("there is no such application; there is: {}", known.join(", "));
            Err(refused(StatusCode::NOT_FOUND, whom, error))
        }
    }
}

/// All that the name may stand for; nothing for an application.
fn resolved(world: &World, whom: &Whom) -> Result<Vec<Resolved>, Refused> {
    let states = searched(world, whom)?;
    Ok(match whom.kind {
        BlockKind::Account => {
            let name = BindName::read(whom.name.as_bytes()).map_err(|_| {
                let error = "it holds control characters, or is too long".to_owned();
                refused(StatusCode::BAD_REQUEST, whom, error)
            })?;
            name::accounts(&states, &name)
        }
        BlockKind::Group => name::groups(&states, &whom.name),
        BlockKind::Application => Vec::new(),
    })
}

fn target_of(kind: BlockKind, found: &Resolved) -> BlockTarget {
    let (directory, guid) = (found.directory.clone(), found.guid);
    match kind {
        BlockKind::Group => BlockTarget::Group { directory, guid },
        BlockKind::Account | BlockKind::Application => BlockTarget::Account { directory, guid },
    }
}

/// The directories that are looked in.
fn searched<'w>(world: &'w World, whom: &Whom) -> Result<Vec<&'w DirectoryState>, Refused> {
    let Some(name) = whom.directory.as_deref() else {
        return Ok(world.directories.iter().collect());
    };
    world.directory(name).map(|state| vec![state]).ok_or_else(|| {
        let known: Vec<&str> = world.directories.iter().map(|state| &*state.name).collect();
        let error = format!("there is no such directory; there is: {}", known.join(", "));
        let failure = Failure { error, culprit: format!("directory {name:?}") };
        Refused { code: StatusCode::NOT_FOUND, failure }
    })
}

fn nobody(kind: BlockKind, states: &[&DirectoryState]) -> String {
    let unread: Vec<&str> =
        states.iter().filter(|state| state.view.is_none()).map(|state| &*state.name).collect();
    if !unread.is_empty() {
        return format!("not found, but not read yet: directory {}", unread.join(", "));
    }
    match kind {
        BlockKind::Group => "no group has this name; a distinguished name or a GUID is taken too",
        BlockKind::Account | BlockKind::Application => {
            "no account has this name; local accounts are blocked with their application"
        }
    }
    .to_owned()
}

fn candidates(world: &World, several: &[Resolved]) -> String {
    let line = |one: &Resolved| {
        let entry = world.view(&one.directory).and_then(|view| view.find_guid(&one.guid));
        let dn = entry.map(|entry| entry.dn().to_owned()).unwrap_or_default();
        format!("\n  {}  {}  {dn}", one.directory, one.guid)
    };
    let lines: String = several.iter().take(SHOWN_CANDIDATES).map(line).collect();
    format!("{} answer to it; name one by its GUID or distinguished name:{lines}", several.len())
}

fn unset(whom: &Whom) -> Refused {
    refused(StatusCode::NOT_FOUND, whom, "it is not blocked".to_owned())
}

fn refused(code: StatusCode, whom: &Whom, error: String) -> Refused {
    let culprit = format!("{} {:?}", whom.kind.word(), whom.name);
    Refused { code, failure: Failure { error, culprit } }
}

fn trouble(error: &KillSwitchError) -> Refused {
    let failure = Failure { error: error.to_string(), culprit: "blocks".to_owned() };
    Refused { code: StatusCode::INTERNAL_SERVER_ERROR, failure }
}

fn read<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Refused> {
    body.map(|Json(body)| body).map_err(|error| Refused::bad_request("body", error.body_text()))
}

/// The disk may take its time: not on a thread that serves logins.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let failure = Failure { error: error.to_string(), culprit: "blocks".to_owned() };
        Err(Refused { code: StatusCode::INTERNAL_SERVER_ERROR, failure })
    })
}
