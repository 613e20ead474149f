//! `cargo run --example web`
//!
//! Caching in a handler of axum: requests that come together cause one query, and whoever changes a user forgets what is
//! cached. The router is called in the process; nothing listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cachekit::{Region, cache_on_arguments, regions};
use futures::future::try_join_all;
use tokio::task::yield_now;
use tower::ServiceExt as _;

regions! {
    static USERS = Region::builder("users").ttl(Duration::from_secs(300));
}

/// Stands for a pool of connections; it counts its queries.
#[derive(Default)]
struct Db(AtomicUsize);

#[derive(Clone, Debug)]
struct NoSuchUser;

impl IntoResponse for NoSuchUser {
    fn into_response(self) -> Response {
        (StatusCode::NOT_FOUND, "no such user").into_response()
    }
}

/// An error is not stored, and reaches every request that waited for it.
#[cache_on_arguments(region = USERS, skip(db))]
async fn load_user(db: &Db, id: u64) -> Result<String, NoSuchUser> {
    db.0.fetch_add(1, Ordering::Relaxed);
    // Meanwhile the database answers, and other requests come.
    yield_now().await;
    if id < 100 { Ok(format!("user {id}")) } else { Err(NoSuchUser) }
}

async fn show(State(db): State<Arc<Db>>, Path(id): Path<u64>) -> Result<String, NoSuchUser> {
    load_user(&db, id).await
}

/// After the database was changed; what is being loaded meanwhile is not stored.
async fn change(Path(id): Path<u64>) -> StatusCode {
    match load_user::invalidate(id).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn answer(app: &Router, method: &str, path: &str) -> Result<String, Box<dyn std::error::Error>> {
    let request = Request::builder().method(method).uri(path).body(Body::empty())?;
    let response = app.clone().oneshot(request).await?;
    let status = response.status();
    let body = to_bytes(response.into_body(), 1_000).await?;
    Ok(format!("{} {}", status.as_u16(), String::from_utf8_lossy(&body)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    cachekit::check()?;
    let db = Arc::new(Db::default());
    let app = Router::new().route("/users/{id}", get(show).put(change)).with_state(Arc::clone(&db));

    let answers = try_join_all((0..10).map(|_| answer(&app, "GET", "/users/5"))).await?;
    println!("{} answers such as {:?}", answers.len(), answers[0]);
    println!("queries: {}", db.0.load(Ordering::Relaxed));
    println!("{:?}", answer(&app, "PUT", "/users/5").await?);
    println!("{:?}", answer(&app, "GET", "/users/5").await?);
    println!("queries: {}", db.0.load(Ordering::Relaxed));
    println!("{:?}", answer(&app, "GET", "/users/500").await?);
    Ok(())
}
