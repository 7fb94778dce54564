//! The OpenAPI document, generated from the handlers; `docs/openapi.json` is its committed copy.
//!
//! What holds of every operation by its place in the table of operations is written in from there:
//! who may ask, how they say who they are, and the answers that come before any handler is reached.

use crate::dto::ProblemDto;
use crate::etag::tagged;
use crate::identity::Audience;
use crate::router::{OPERATIONS, Operation as Listed, Verb};
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, Required, ResponseBuilder};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spotcheck",
        description = "Risk grades and alerts of product sampling inspection"
    ),
    paths(
        crate::results::post,
        crate::results::post_registry,
        crate::results::post_commands,
        crate::results::post_signals,
        crate::signals::list,
        crate::decisions::list,
        crate::decisions::one,
        crate::watch::list,
        crate::subjects::list,
        crate::subjects::one,
        crate::subjects::history,
        crate::evidence::evidence,
        crate::pack::routes::of_subject,
        crate::pack::routes::of_alert,
        crate::pack::routes::of_case,
        crate::pack::routes::of_draw,
        crate::pack::routes::checkpoint,
        crate::supply::one,
        crate::compare::compare,
        crate::audit::list,
        crate::cases::list,
        crate::cases::one,
        crate::cases::diagram,
        crate::alerts::list,
        crate::alerts::one,
        crate::live::live,
        crate::dead_letters::list,
        crate::dead_letters::one,
        crate::identity::open_sessions::list,
        crate::identity::open_sessions::end,
        crate::identity::open_sessions::end_all,
        crate::personal::kept,
        crate::personal::of_signal,
        crate::personal::erase_of_signal,
        crate::personal::erase_dead_letter,
        crate::deliveries::list,
        crate::deliveries::resend,
        crate::deliveries::webhooks,
        crate::deliveries::unpark,
        crate::rates::rates,
        crate::rates::effect,
        crate::rates::observers,
        crate::burden::list,
        crate::burden::repeat,
        crate::burden::suspicions,
        crate::burden::one,
        crate::lists::problems,
        crate::lists::problem,
        crate::lists::assistance,
        crate::lists::credit,
        crate::lists::serious_violations,
        crate::lists::duties,
        crate::lists::taken,
        crate::plans::post,
        crate::plans::list,
        crate::plans::one,
        crate::plans::csv,
        crate::plans::xlsx,
        crate::plans::html,
        crate::plans::outcome::results,
        crate::plans::fill::fill,
        crate::plans::print::pdf,
        crate::plans::draw,
        crate::plans::reveal,
        crate::plans::evaluation::route,
        crate::plans::races::list,
        crate::plans::races::one,
        crate::plans::draw_one,
        crate::plans::draw_pool,
        crate::reports::routes::weekly,
        crate::reports::routes::monthly,
        crate::reports::routes::zone,
        crate::reports::routes::letter,
        crate::heat::heat,
        crate::reference::reference,
        crate::reference::site,
        crate::reference::policy,
        crate::health::status,
        crate::identity::sign_in::session,
        crate::identity::sign_in::ways,
        crate::identity::sign_in::login,
        crate::identity::sign_in::callback,
        crate::identity::sign_in::logout,
        crate::health::healthz,
        crate::health::readyz,
        crate::health::metrics,
        served,
    ),
    components(schemas(ProblemDto))
)]
struct Document;

/// Ways to say who asks.
const TOKEN: &str = "token";
const SESSION: &str = "session";
const CSRF: &str = "csrf";

/// The document, indented, with a final newline.
pub fn document() -> String {
    let mut document = Document::openapi();
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    let key = |value| SecurityScheme::ApiKey(value);
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("an API token, from `spotcheck token create`"));
    schemes.insert(TOKEN.to_owned(), SecurityScheme::Http(token.build()));
    let session = ApiKeyValue::with_description(
        "__Host-spotcheck-session",
        "the cookie of a session, which begins at /auth/login; without the prefix where people come by http on loopback",
    );
    schemes.insert(SESSION.to_owned(), key(ApiKey::Cookie(session)));
    let csrf = ApiKeyValue::with_description(
        "X-CSRF-Token",
        "`csrf_token` of /v1/session, with every write of a session",
    );
    schemes.insert(CSRF.to_owned(), key(ApiKey::Header(csrf)));
    for listed in &OPERATIONS {
        let item = document.paths.paths.get_mut(listed.path);
        let operation = item.and_then(|item| match listed.verb {
            Verb::Read => item.get.as_mut(),
            Verb::Write => item.post.as_mut(),
        });
        if let Some(operation) = operation {
            complete(listed, operation);
        }
    }
    // The document is made of the program's own constants, which always serialise.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// A name that no other operation has: handlers in several modules are called `list` or `one`.
fn name_of(listed: &Listed) -> String {
    let verb = match listed.verb {
        Verb::Read => "get",
        Verb::Write => "post",
    };
    let words = listed
        .path
        .split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    [verb]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

/// Writes in what an operation has by its place in the table.
fn complete(listed: &Listed, operation: &mut Operation) {
    let roles: Vec<&str> = listed
        .audience
        .roles()
        .iter()
        .map(|role| role.code())
        .collect();
    let none: [&str; 0] = [];
    let mut security = vec![SecurityRequirement::new(TOKEN, none)];
    let session = SecurityRequirement::new(SESSION, none);
    security.push(match listed.verb {
        Verb::Read => session,
        Verb::Write => session.add(CSRF, none),
    });
    let mut answers = vec![
        ("400", "A parameter or header is not valid"),
        (
            "429",
            "You ask too often, or too much is being worked on; see Retry-After",
        ),
        ("500", "Something went wrong here; the log has the cause"),
        (
            "503",
            "The views are being built again, or the pipeline has stopped",
        ),
    ];
    match listed.audience {
        Audience::Everybody => security.clear(),
        // Where `http.metrics_open` is set, nobody is asked.
        Audience::Scraper => security.push(SecurityRequirement::default()),
        Audience::Roles(_) => {}
    }
    if listed.audience != Audience::Everybody {
        answers.push(("401", "Nobody is known to be asking"));
        answers.push(("403", "None of your roles may do this"));
        let who = ExtensionsBuilder::new()
            .add("x-audience", roles.join(" "))
            .build();
        operation.extensions.get_or_insert_default().merge(who);
    }
    if listed.verb == Verb::Write {
        answers.push((
            "409",
            "The request with this idempotency key is still being worked on",
        ));
        answers.push(("413", "The body is too large"));
        answers.push(("422", "The idempotency key belongs to another request"));
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .max_length(Some(255));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "sent again with the same body, it is answered as the first time",
            ))
            .schema(Some(text));
        operation
            .parameters
            .get_or_insert_default()
            .push(key.build());
    }
    operation.security = Some(security);
    operation.operation_id = Some(name_of(listed));
    for (status, description) in answers {
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDto")));
        let answer = ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem.build());
        let known = &mut operation.responses.responses;
        known
            .entry(status.to_owned())
            .or_insert_with(|| answer.build().into());
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations", responses((status = 200, description = "OpenAPI 3.1", body = String, content_type = "application/json")))]
pub(crate) async fn served(headers: HeaderMap) -> Response {
    tagged(&headers, "application/json", document().into_bytes())
}
