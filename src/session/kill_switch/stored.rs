//! Blocks as the store has them: JSON, so that a later version can add to it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::ldap::identifier::Guid;
use crate::policy::{Block, BlockTarget};

#[derive(Serialize, Deserialize)]
struct StoredBlock {
    target: StoredTarget,
    name: String,
    until: Option<SystemTime>,
    reason: String,
    set_by: String,
    set_at: SystemTime,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredTarget {
    Account { directory: String, guid: [u8; 16] },
    Group { directory: String, guid: [u8; 16] },
    Application(String),
}

/// The octets; `None` for no blocks at all.
pub(super) fn write<'b>(
    blocks: impl Iterator<Item = &'b Block>,
) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let blocks: Vec<StoredBlock> = blocks.map(stored).collect();
    (!blocks.is_empty()).then(|| serde_json::to_vec(&blocks)).transpose()
}

/// The blocks in the octets, as they were written.
pub(super) fn read(octets: &[u8]) -> Result<Vec<Block>, serde_json::Error> {
    let blocks: Vec<StoredBlock> = serde_json::from_slice(octets)?;
    Ok(blocks.into_iter().map(restored).collect())
}

fn stored(block: &Block) -> StoredBlock {
    let target = match &block.target {
        BlockTarget::Account { directory, guid } => {
            StoredTarget::Account { directory: directory.to_string(), guid: guid.0 }
        }
        BlockTarget::Group { directory, guid } => {
            StoredTarget::Group { directory: directory.to_string(), guid: guid.0 }
        }
        BlockTarget::Application(name) => StoredTarget::Application(name.to_string()),
    };
    StoredBlock {
        target,
        name: block.name.clone(),
        until: block.until,
        reason: block.reason.clone(),
        set_by: block.set_by.clone(),
        set_at: block.set_at,
    }
}

fn restored(block: StoredBlock) -> Block {
    let target = match block.target {
        StoredTarget::Account { directory, guid } => {
            BlockTarget::Account { directory: directory.into(), guid: Guid(guid) }
        }
        StoredTarget::Group { directory, guid } => {
            BlockTarget::Group { directory: directory.into(), guid: Guid(guid) }
        }
        StoredTarget::Application(name) => BlockTarget::Application(name.into()),
    };
    let StoredBlock { name, until, reason, set_by, set_at, .. } = block;
    Block { target, name, until, reason, set_by, set_at }
}
