//! `[io]` The shield as operators see it, and the route that gives an account its budget back.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::shield::Shield;

use super::budgets::{self, Unshielded, UnshieldedAccount};
use super::person;
use super::routes::Refused;
use super::state::{ControlState, ControlledDirectory};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnshieldQuery {
    name: String,
    directory: Option<String>,
}

/// Forgets the failures of an account.
pub(super) async fn unshield(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<UnshieldQuery>, QueryRejection>,
) -> Result<Json<Unshielded>, Refused> {
    let Query(UnshieldQuery { name, directory }) =
        query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    let directories = state
        .select(directory.as_deref())
        .map_err(|failure| Refused { code: StatusCode::NOT_FOUND, failure })?;
    let mut accounts = Vec::new();
    for directory in directories {
        let found = forget(directory, &name).map_err(|error| Refused {
            code: StatusCode::CONFLICT,
            failure: person::failure(&name, error),
        })?;
        accounts.extend(found);
    }
    if accounts.is_empty() {
        return Err(Refused { code: StatusCode::NOT_FOUND, failure: person::nobody(&name) });
    }
    for UnshieldedAccount { directory, dn, forgotten } in &accounts {
        tracing::warn!(
            directory,
            dn,
            forgotten,
            "an operator has given an account its budget back"
        );
    }
    Ok(Json(Unshielded { accounts }))
}

/// Forgets the failures of the user that a directory knows by this name.
fn forget(
    directory: &ControlledDirectory,
    name: &str,
) -> Result<Option<UnshieldedAccount>, String> {
    let Some(view) = directory.gate.published.load() else { return Ok(None) };
    let found = person::find(&view, &directory.attributes, name)?;
    Ok(found.map(|entry| UnshieldedAccount {
        directory: directory.gate.name.to_string(),
        dn: entry.dn().to_owned(),
        forgotten: directory.gate.shield.clear(entry.guid()),
    }))
}

/// What a shield has done.
pub(super) fn document(shield: &Shield) -> budgets::Shield {
    let (limit, counts) = (shield.usual_limit(), shield.counts());
    let (fine_grained_policies, hidden_policies) =
        shield.fine_grained_policies().unwrap_or_default();
    budgets::Shield {
        enabled: shield.is_enabled(),
        failures: limit.map(|limit| limit.failures.get()),
        window_seconds: limit.map(|limit| limit.window.as_secs()),
        fine_grained_policies,
        hidden_policies,
        accounts: counts.accounts,
        waiting: counts.waiting,
        exhausted: counts.exhausted,
        repeated: counts.repeated,
        waited: counts.waited,
        timed_out: counts.timed_out,
    }
}
