//! An answer that does not wait for its request's body says that it ends the connection（连接）.
//!
//! The bytes that nobody read would be taken for the next request, so the connection is closed
//! after such an answer. A client that is not told (RFC 9112, section 9.6) sends its next request
//! into a closed connection and, if that is a post, does not know whether it was taken.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// Answers, and tells of the connection's end where the body was not read to its own.
pub(crate) async fn tell_end(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let read = Arc::new(AtomicBool::new(false));
    let end = {
        let read = Arc::clone(&read);
        stream::poll_fn(move |_| {
            read.store(true, Ordering::Relaxed);
            Poll::Ready(None)
        })
    };
    let request = request.map(|body| Body::from_stream(body.into_data_stream().chain(end)));
    let mut response = next.run(request).await;
    if !read.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
