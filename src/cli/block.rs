//! `[io]` `ldapgate block`, `unblock` and `blocks`: shuts somebody out at once.

use crate::admin::block_document::{
    BlockAnswer, BlockDocument, BlockKind, BlockList, BlockRequest, Whom,
};

use super::arguments::{
    BlockArguments, BlocksArguments, OneArguments, UnblockArguments, WhomArguments,
};
use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::output;
use super::render::{self, Table};

const PATH: &str = "/v1/blocks";
const LIFT: &str = "/v1/blocks/lift";

/// Runs `block`. A block that will not outlive the program is said so, and counts as a problem.
///
/// # Errors
/// Nothing runs, or the name stands for nobody or for several.
pub async fn block(
    client: &ControlClient,
    arguments: &BlockArguments,
) -> Result<Done, CommandError> {
    let request = BlockRequest {
        whom: whom(&arguments.whom),
        for_seconds: arguments.length.map(|length| length.as_secs()),
        reason: arguments.reason.clone().unwrap_or_default(),
    };
    let answer: BlockAnswer = client.post(PATH, &request).await?.document()?;
    let text = if arguments.json { render::json(&answer)? } else { blocked(&answer) };
    output::print(&text)?;
    Ok(if answer.not_kept.is_none() { Done::Well } else { Done::WithProblems })
}

/// Runs `unblock`.
///
/// # Errors
/// Nothing runs, or nobody of that name is blocked.
pub async fn unblock(
    client: &ControlClient,
    arguments: &UnblockArguments,
) -> Result<Done, CommandError> {
    let lifted: BlockDocument = client.post(LIFT, &whom(&arguments.whom)).await?.document()?;
    let text = if arguments.json {
        render::json(&lifted)?
    } else {
        format!("unblocked: {}\n", described(&lifted))
    };
    output::print(&text)?;
    Ok(Done::Well)
}

/// Runs `blocks`.
///
/// # Errors
/// Nothing runs.
pub async fn list(
    client: &ControlClient,
    arguments: &BlocksArguments,
) -> Result<Done, CommandError> {
    let list: BlockList = client.get(PATH).await?.document()?;
    let text = if arguments.json { render::json(&list)? } else { page(&list) };
    output::print(&text)?;
    Ok(Done::Well)
}

fn whom(arguments: &WhomArguments) -> Whom {
    let OneArguments { name, group, application } = &arguments.one;
    let (kind, name) = match (name, group, application) {
        (_, Some(group), _) => (BlockKind::Group, group.clone()),
        (_, None, Some(application)) => (BlockKind::Application, application.clone()),
        (name, None, None) => (BlockKind::Account, name.clone().unwrap_or_default()),
    };
    Whom { kind, name, directory: arguments.directory.clone() }
}

fn blocked(answer: &BlockAnswer) -> String {
    let mut out = format!("blocked: {}, {}\n", described(&answer.block), until(&answer.block));
    if let Some(sessions) = answer.sessions {
        out.push_str(&format!(
            "{} of theirs end\n",
            render::count(sessions, "open session", "open sessions")
        ));
    }
    if let Some(reason) = &answer.not_kept {
        out.push_str(&format!(
            "WARNING: the block is in force but will not outlive the running program: {}\n",
            render::printable(reason)
        ));
    }
    out
}

/// `account CN=alice,… in corp`, or what is known of it.
fn described(block: &BlockDocument) -> String {
    let name = block.dn.as_deref().unwrap_or(&block.name);
    let name = render::printable(name);
    match &block.directory {
        Some(directory) => format!("{} {name} in {directory}", block.kind.word()),
        None => format!("{} {name}", block.kind.word()),
    }
}

fn until(block: &BlockDocument) -> String {
    match block.until_unix {
        Some(until) => format!("until {}", render::moment(until)),
        None => "until it is lifted".to_owned(),
    }
}

/// The page for people.
#[must_use]
pub fn page(list: &BlockList) -> String {
    if list.blocks.is_empty() {
        return "nobody is blocked\n".to_owned();
    }
    let mut table = Table::default();
    table.row(["kind", "name", "directory", "guid", "until", "set", "by", "reason"]);
    for block in &list.blocks {
        let absent = || "-".to_owned();
        table.row([
            block.kind.word().to_owned(),
            render::printable(&block.name),
            block.directory.clone().unwrap_or_else(absent),
            block.guid.clone().unwrap_or_else(absent),
            block.until_unix.map_or_else(|| "lifted".to_owned(), render::moment),
            render::moment(block.set_at_unix),
            render::printable(&block.set_by),
            render::printable(&block.reason),
        ]);
    }
    let mut out = table.render(0);
    let gone = |block: &&BlockDocument| block.dn.is_none() && block.directory.is_some();
    for block in list.blocks.iter().filter(gone) {
        out.push_str(&format!(
            "the copy does not have {} {}: the block concerns nobody now\n",
            block.kind.word(),
            render::printable(&block.name)
        ));
    }
    out
}
