//! `[io]` The routes of the control socket and the loop that serves them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio_util::sync::CancellationToken;

use crate::telemetry::LogLevel;
use crate::time::Now;

use super::document::{ExplainedSearch, Failure, Health, Level, SearchQuestion, Status};
use super::explained_bind::{BindQuestion, ExplainedBind};
use super::metrics::OPEN_METRICS;
use super::socket::ControlSocket;
use super::state::ControlState;
use super::{blocks, explain, explain_bind, reload, shield, sync};

/// How long an answer that is under way may take once the end has come.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves the socket until `shutdown` comes; what is being answered then has a second to end.
pub async fn serve(
    socket: ControlSocket,
    state: Arc<ControlState>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (listener, name) = socket.into_parts();
    let ending = CancellationToken::new();
    let routes = routes(state).into_make_service_with_connect_info::<blocks::Operator>();
    let serving = axum::serve(listener, routes)
        .with_graceful_shutdown(ending.clone().cancelled_owned())
        .into_future();
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => log_end(ended),
        () = shutdown => {
            ending.cancel();
            if let Ok(ended) = tokio::time::timeout(LAST_WORDS, serving).await {
                log_end(ended);
            }
        }
    }
    drop(name);
}

fn log_end(ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the control socket is gone");
    }
}

fn routes(state: Arc<ControlState>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/health", get(health))
        .route("/v1/metrics", get(metrics))
        .route("/v1/sync", post(sync::now))
        .route("/v1/sync/accept", post(sync::accept))
        .route("/v1/sync/reject", post(sync::reject))
        .route("/v1/sync/jobs", get(sync::jobs))
        .route("/v1/sync/progress", get(sync::progress))
        .route("/v1/blocks", get(blocks::list).post(blocks::set))
        .route("/v1/blocks/lift", post(blocks::lift))
        .route("/v1/unshield", post(shield::unshield))
        .route("/v1/explain/search", get(explain_search))
        .route("/v1/explain/bind", get(explain_bind))
        .route("/v1/reload", post(reload::reload))
        .route("/v1/log-level", get(log_level).put(set_log_level))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(state)
}

async fn status(State(state): State<Arc<ControlState>>) -> Json<Status> {
    Json(state.status(Now::read()))
}

async fn health(State(state): State<Arc<ControlState>>) -> (StatusCode, Json<Health>) {
    let health = state.health();
    let code = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health))
}

async fn metrics(State(state): State<Arc<ControlState>>) -> Result<Response, Refused> {
    let text = state.metrics(Now::read()).map_err(|error| Refused {
        code: StatusCode::INTERNAL_SERVER_ERROR,
        failure: Failure { error: error.to_string(), culprit: "metrics".to_owned() },
    })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

async fn explain_search(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<SearchQuestion>, QueryRejection>,
) -> Result<Json<ExplainedSearch>, Refused> {
    let Query(question) =
        query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    // Looking at every entry takes a while: not on a thread that serves logins.
    let explained = tokio::task::spawn_blocking(move || explain::search(&state, &question)).await;
    match explained {
        Ok(Ok(explained)) => Ok(Json(explained)),
        Ok(Err(failure)) => Err(Refused { code: StatusCode::BAD_REQUEST, failure }),
        Err(error) => Err(Refused {
            code: StatusCode::INTERNAL_SERVER_ERROR,
            failure: Failure { error: error.to_string(), culprit: "search".to_owned() },
        }),
    }
}

async fn explain_bind(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<BindQuestion>, QueryRejection>,
) -> Result<Json<ExplainedBind>, Refused> {
    let Query(question) =
        query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    explain_bind::bind(&state, &question, Now::read())
        .map(Json)
        .map_err(|failure| Refused { code: StatusCode::BAD_REQUEST, failure })
}

async fn log_level(State(state): State<Arc<ControlState>>) -> Json<Level> {
    Json(Level { level: state.log_level() })
}

async fn set_log_level(
    State(state): State<Arc<ControlState>>,
    body: Result<Json<Level>, JsonRejection>,
) -> Result<Json<Level>, Refused> {
    let Json(Level { level }) =
        body.map_err(|error| Refused::bad_request("body", error.body_text()))?;
    let before = state.log_level();
    let level: LogLevel =
        level.parse().map_err(|error| Refused::bad_request("level", format!("{error}")))?;
    state.log.set_level(level).map_err(|error| Refused {
        code: StatusCode::INTERNAL_SERVER_ERROR,
        failure: Failure { error: error.to_string(), culprit: "log".to_owned() },
    })?;
    tracing::warn!(%before, now = %level, "log level changed by an operator");
    Ok(Json(Level { level: level.to_string() }))
}

async fn no_route(uri: Uri) -> Refused {
    Refused {
        code: StatusCode::NOT_FOUND,
        failure: Failure {
            error: "there is no such route; there is: /v1/status, /v1/health, /v1/metrics, \
                    /v1/sync, /v1/sync/accept, /v1/sync/reject, /v1/sync/jobs, /v1/sync/progress, \
                    /v1/blocks, /v1/blocks/lift, /v1/unshield, /v1/explain/search, \
                     /v1/explain/bind, /v1/reload, /v1/log-level"
                .to_owned(),
            culprit: uri.path().to_owned(),
        },
    }
}

async fn no_method(method: Method, uri: Uri) -> Refused {
    Refused {
        code: StatusCode::METHOD_NOT_ALLOWED,
        failure: Failure {
            error: format!("{method} is not served here"),
            culprit: uri.path().to_owned(),
        },
    }
}

/// An answer that is no success.
pub(super) struct Refused {
    pub(super) code: StatusCode,
    pub(super) failure: Failure,
}

impl Refused {
    pub(super) fn bad_request(culprit: &str, error: String) -> Self {
        let failure = Failure { error, culprit: culprit.to_owned() };
        Self { code: StatusCode::BAD_REQUEST, failure }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.code, Json(self.failure)).into_response()
    }
}
