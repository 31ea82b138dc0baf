//! Practice origins: pages that say who asked for what, over http and https.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

/// The pages of all practice origins.
pub fn router() -> Router {
    Router::new()
        // The probe by which browsers find out whether there is a captive portal.
        .route("/generate_204", get(|| async { StatusCode::NO_CONTENT }))
        .route("/picture.svg", get(picture))
        .fallback(page)
}

async fn page(request: Request) -> Response {
    let host = text(request.headers(), HOST.as_str());
    let target = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let (host, target) = (escape(host), escape(target));
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{host}</title><style>:root{{color-scheme:light dark}}\
         body{{font:18px/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1rem}}</style>\
         <h1>This is {host}</h1><p>You asked for <code>{target}</code>, and here it is.</p>\
         <p><img src=/picture.svg width=160 height=90 alt=\"A picture from this site\"></p>\n"
    );
    (StatusCode::OK, [(CACHE_CONTROL, "no-store")], Html(body)).into_response()
}

async fn picture() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "no-store")],
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 160 90\"><rect width=\"160\" height=\"90\" rx=\"8\" \
         fill=\"#245bdb\"/><circle cx=\"80\" cy=\"45\" r=\"24\" fill=\"#fff\"/></svg>",
    )
}

fn text<'a>(fields: &'a HeaderMap, name: &str) -> &'a str {
    fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Binds any free loopback port.
pub(super) async fn bind() -> std::io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
