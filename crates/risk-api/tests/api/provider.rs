//! Signing in: a provider that is made up, so that it can lie in every way.

use crate::city::{Answer, City, ask, at};
use crate::identity::guard;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::PrivateSigningKey;
use openidconnect::core::{CoreHmacKey, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, url::Url};
use risk_api::identity::{Provider, ProviderSettings};
use risk_domain::access::Act;
use risk_domain::ids::ZoneId;
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

const CLIENT: &str = "spotcheck";
const SECRET: &str = "client-secret-of-a-test";

/// Two keys: the provider's, and another's. Making one takes a moment.
fn keys() -> &'static [rsa::RsaPrivateKey; 2] {
    static KEYS: OnceLock<[rsa::RsaPrivateKey; 2]> = OnceLock::new();
    let fresh = || rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    KEYS.get_or_init(|| [fresh(), fresh()])
}

fn signing(key: &rsa::RsaPrivateKey, kid: &str) -> CoreRsaPrivateSigningKey {
    let pem = key.to_pkcs1_pem(LineEnding::LF).unwrap();
    CoreRsaPrivateSigningKey::from_pem(&pem, Some(JsonWebKeyId::new(kid.to_owned()))).unwrap()
}

/// How the next token is made.
#[derive(Clone)]
struct Forged {
    header: Value,
    claims: Value,
    /// Signs the token's first two parts.
    sign: fn(&[u8]) -> Vec<u8>,
}

struct Desk {
    token: Option<String>,
    /// What was posted to the token endpoint last.
    posted: String,
    kid: String,
}

/// A provider on loopback, for as long as the test runs.
struct FakeProvider {
    issuer: String,
    desk: Arc<Mutex<Desk>>,
}

impl FakeProvider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let desk = Arc::new(Mutex::new(Desk {
            token: None,
            posted: String::new(),
            kid: "k1".to_owned(),
        }));
        let base = issuer.clone();
        let discovery = json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/auth"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // What it says it supports does not widen what is accepted.
            "id_token_signing_alg_values_supported": ["RS256", "HS256"],
        });
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || Json(discovery)),
            )
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(Arc::clone(&desk));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, desk }
    }

    fn settings(&self) -> ProviderSettings {
        ProviderSettings {
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(SECRET.to_owned()),
            public_url: "http://127.0.0.1:8480".to_owned(),
            scopes: vec!["profile".to_owned()],
            actor_claim: "sub".to_owned(),
            roles_claim: "roles".to_owned(),
            zones_claim: "zones".to_owned(),
            roles: BTreeMap::new(),
            people: BTreeMap::new(),
            authority: None,
        }
    }

    /// A token as it should be.
    fn right(&self, nonce: &str, now: Timestamp) -> Forged {
        let second = now.millis() / 1000;
        Forged {
            header: json!({"alg": "RS256", "kid": self.desk.lock().unwrap().kid}),
            claims: json!({
                "iss": self.issuer, "aud": CLIENT, "sub": "officer-7", "nonce": nonce,
                "iat": second, "exp": second + 300, "roles": ["officer", "nonsense"],
            }),
            sign: |message| rsa_sign(0, message),
        }
    }

    fn give(&self, forged: &Forged) {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&forged.header), part(&forged.claims));
        let signature = URL_SAFE_NO_PAD.encode((forged.sign)(message.as_bytes()));
        self.desk.lock().unwrap().token = Some(format!("{message}.{signature}"));
    }
}

fn rsa_sign(key: usize, message: &[u8]) -> Vec<u8> {
    let algorithm = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
    signing(&keys()[key], "k")
        .sign(&algorithm, message)
        .unwrap()
}

fn hmac_sign(secret: Vec<u8>, message: &[u8]) -> Vec<u8> {
    let algorithm = CoreJwsSigningAlgorithm::HmacSha256;
    CoreHmacKey::new(secret).sign(&algorithm, message).unwrap()
}

async fn jwks(State(desk): State<Arc<Mutex<Desk>>>) -> impl IntoResponse {
    let kid = desk.lock().unwrap().kid.clone();
    let key = signing(&keys()[0], &kid).as_verification_key();
    Json(json!({"keys": [key]}))
}

async fn token(State(desk): State<Arc<Mutex<Desk>>>, body: String) -> impl IntoResponse {
    let mut desk = desk.lock().unwrap();
    desk.posted = body;
    match &desk.token {
        Some(token) => {
            let answer = json!({
                "access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token,
            });
            Json(answer).into_response()
        }
        None => (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_grant"})),
        )
            .into_response(),
    }
}

/// A browser at the door.
struct Visit {
    router: Router,
    state: String,
    nonce: String,
    challenge: String,
    cookie: String,
}

fn cookie_of(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    let pairs = all.filter_map(|value| value.to_str().ok()?.split(';').next());
    let found = pairs.filter(|pair| pair.starts_with(&format!("{name}=")));
    found.map(str::to_owned).next()
}

async fn send(router: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(router.clone(), request.body(Body::empty()).unwrap()).await
}

impl Visit {
    async fn begin(router: &Router) -> Self {
        let answer = send(router, Method::GET, "/auth/login", &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let url = Url::parse(answer.header("location")).unwrap();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["redirect_uri"], "http://127.0.0.1:8480/auth/callback");
        assert_eq!(query["scope"], "openid profile");
        Self {
            router: router.clone(),
            state: query["state"].clone(),
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            cookie: cookie_of(&answer, "spotcheck-sign-in").unwrap(),
        }
    }

    async fn back(&self) -> Answer {
        let path = format!("/auth/callback?code=c&state={}", self.state);
        send(
            &self.router,
            Method::GET,
            &path,
            &[("cookie", &self.cookie)],
        )
        .await
    }
}

/// A guarded city with this provider.
async fn door(change: impl FnOnce(&mut ProviderSettings)) -> (FakeProvider, City, Router) {
    let fake = FakeProvider::start().await;
    let mut settings = fake.settings();
    change(&mut settings);
    let city = City::lived();
    let mut access = guard();
    access.provider = Some(Arc::new(Provider::new(settings).unwrap()));
    let router = city.guarded(access);
    (fake, city, router)
}

async fn signed_in(fake: &FakeProvider, router: &Router, now: Timestamp) -> String {
    let visit = Visit::begin(router).await;
    fake.give(&fake.right(&visit.nonce, now));
    let answer = visit.back().await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(answer.header("location"), "/");
    cookie_of(&answer, "spotcheck-session").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out_and_an_old_cookie_opens_nothing() {
    let (fake, city, router) = door(|_| {}).await;
    let front = send(&router, Method::GET, "/", &[]).await;
    assert_eq!(
        (front.status.as_u16(), front.header("location")),
        (303, "/auth/login")
    );
    let visit = Visit::begin(&router).await;
    fake.give(&fake.right(&visit.nonce, at(45)));
    let answer = visit.back().await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    // The code came with a proof that who brings it began the sign-in.
    let posted = fake.desk.lock().unwrap().posted.clone();
    let posted: BTreeMap<String, String> =
        openidconnect::url::form_urlencoded::parse(posted.as_bytes())
            .into_owned()
            .collect();
    use sha2::Digest as _;
    let challenge = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&posted["code_verifier"]));
    assert_eq!(challenge, visit.challenge);
    let set = answer.headers.get_all("set-cookie").iter();
    let set: Vec<&str> = set.map(|value| value.to_str().unwrap()).collect();
    assert!(
        set.iter()
            .all(|one| one.contains("HttpOnly") && one.contains("SameSite=Lax"))
    );

    let cookie = cookie_of(&answer, "spotcheck-session").unwrap();
    let own = [("cookie", cookie.as_str())];
    let session = send(&router, Method::GET, "/v1/session", &own).await.json();
    assert_eq!(session["actor"], "officer-7");
    assert_eq!(session["roles"], json!(["officer"]));
    let csrf = session["csrf_token"].as_str().unwrap().to_owned();
    let front = send(&router, Method::GET, "/", &own).await;
    assert_eq!(front.header("location"), "/console/");

    // A write takes the session's token, and not from another site.
    let wrong = [own[0], ("x-csrf-token", "x")];
    let other_site = [
        own[0],
        ("x-csrf-token", &csrf),
        ("sec-fetch-site", "cross-site"),
    ];
    for headers in [&own[..], &wrong[..], &other_site[..]] {
        let refused = send(&router, Method::POST, "/auth/logout", headers).await;
        refused.expect_problem(403, "forbidden");
    }
    let right = [
        own[0],
        ("x-csrf-token", csrf.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let out = send(&router, Method::POST, "/auth/logout", &right).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(cookie_of(&out, "spotcheck-session").unwrap().ends_with('='));
    let replayed = send(&router, Method::GET, "/v1/session", &own).await;
    replayed.expect_problem(401, "unauthenticated");

    // A session that nobody uses ends.
    let idle = signed_in(&fake, &router, at(45)).await;
    let idle = [("cookie", idle.as_str())];
    assert_eq!(
        send(&router, Method::GET, "/v1/session", &idle)
            .await
            .status,
        StatusCode::OK
    );
    *city.around.clock.lock().unwrap() = at(45).plus_millis(1_800_000);
    send(&router, Method::GET, "/v1/session", &idle)
        .await
        .expect_problem(401, "unauthenticated");
}

/// Somebody who is signed in, with what their writes need.
struct Person {
    cookie: String,
    csrf: String,
}

impl Person {
    async fn arrives(
        (fake, router): (&FakeProvider, &Router),
        actor: &str,
        role: &str,
        now: Timestamp,
    ) -> Self {
        let visit = Visit::begin(router).await;
        let mut token = fake.right(&visit.nonce, now);
        let claims = token.claims.as_object_mut().unwrap();
        claims.insert("sub".to_owned(), json!(actor));
        claims.insert("roles".to_owned(), json!([role]));
        fake.give(&token);
        let cookie = cookie_of(&visit.back().await, "spotcheck-session").unwrap();
        let own = [("cookie", cookie.as_str())];
        let session = send(router, Method::GET, "/v1/session", &own).await.json();
        let csrf = session["csrf_token"].as_str().unwrap().to_owned();
        Self { cookie, csrf }
    }

    async fn asks(&self, router: &Router, method: Method, path: &str) -> Answer {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("x-csrf-token", self.csrf.as_str()),
        ];
        send(router, method, path, &headers).await
    }

    /// The sessions that they are shown.
    async fn sessions(&self, router: &Router, query: &str) -> Vec<Value> {
        let path = format!("/v1/sessions{query}");
        let page = self.asks(router, Method::GET, &path).await.json();
        page["items"].as_array().unwrap().clone()
    }

    async fn is_known(&self, router: &Router) -> bool {
        let answer = self.asks(router, Method::GET, "/v1/session").await;
        answer.status == StatusCode::OK
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_sessions_and_administrators_everybodys() {
    let (fake, city, router) = door(|_| {}).await;
    let door = (&fake, &router);
    let desk = Person::arrives(door, "officer-7", "officer", at(45)).await;
    let later = at(45).plus_millis(60_000);
    *city.around.clock.lock().unwrap() = later;
    let phone = Person::arrives(door, "officer-7", "officer", later).await;
    let other = Person::arrives(door, "officer-8", "officer", later).await;
    let noted = || std::mem::take(&mut *city.around.notes.lock().unwrap());
    noted();

    let own = phone.sessions(&router, "").await;
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.iter().all(|row| row["actor"] == "officer-7"));
    assert_eq!(own[0]["current"], true, "the one used last comes first");
    assert_eq!(
        (&own[1]["current"], &own[1]["began_at"]),
        (&json!(false), &json!(at(45).to_string()))
    );
    let text = json!(own).to_string();
    for secret in [&phone.cookie, &phone.csrf, &desk.cookie] {
        assert!(!text.contains(secret.as_str()), "the list opens a session");
    }
    phone
        .asks(&router, Method::GET, "/v1/sessions?everybody=true")
        .await
        .expect_problem(403, "forbidden");

    // A lost device's session is ended from another.
    let lost = format!("/v1/sessions/{}/end", own[1]["id"].as_str().unwrap());
    other
        .asks(&router, Method::POST, &lost)
        .await
        .expect_problem(404, "not-found");
    assert!(desk.is_known(&router).await && noted().is_empty());
    let ended = phone.asks(&router, Method::POST, &lost).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    assert_eq!(ended.json()["ended"], json!([own[1]["id"]]));
    assert!(!desk.is_known(&router).await && phone.is_known(&router).await);
    let notes = noted();
    assert_eq!(
        (notes[0].act, notes[0].actor.as_str()),
        (Act::EndSessions, "officer-7")
    );
    assert_eq!(notes[0].what, [own[1]["id"].as_str().unwrap()]);

    // Everywhere at once; of others only by an administrator.
    let everywhere = "/v1/people/officer-7/sessions/end";
    other
        .asks(&router, Method::POST, everywhere)
        .await
        .expect_problem(404, "not-found");
    let desk = Person::arrives(door, "officer-7", "officer", later).await;
    let done = desk.asks(&router, Method::POST, everywhere).await.json();
    assert_eq!(done["ended"].as_array().unwrap().len(), 2, "{done}");
    assert!(!desk.is_known(&router).await && !phone.is_known(&router).await);
    let boss = Person::arrives(door, "admin-1", "administrator", later).await;
    let all = boss.sessions(&router, "?everybody=true").await;
    let actors: Vec<&str> = all
        .iter()
        .map(|row| row["actor"].as_str().unwrap())
        .collect();
    assert_eq!(actors.len(), 2, "{actors:?}");
    assert!(actors.contains(&"officer-8") && actors.contains(&"admin-1"));
    let path = "/v1/people/officer-8/sessions/end";
    assert_eq!(
        boss.asks(&router, Method::POST, path).await.status,
        StatusCode::OK
    );
    assert!(!other.is_known(&router).await && boss.is_known(&router).await);
    boss.asks(&router, Method::POST, path)
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_finished_once_and_by_the_browser_that_began_it() {
    let (fake, city, router) = door(|_| {}).await;
    let visit = Visit::begin(&router).await;
    fake.give(&fake.right(&visit.nonce, at(45)));
    let path = format!("/auth/callback?code=c&state={}", visit.state);
    send(&router, Method::GET, &path, &[])
        .await
        .expect_problem(401, "sign-in-refused");
    let planted = [("cookie", "spotcheck-sign-in=planted")];
    send(&router, Method::GET, &path, &planted)
        .await
        .expect_problem(401, "sign-in-refused");
    assert_eq!(visit.back().await.status, StatusCode::SEE_OTHER);
    visit.back().await.expect_problem(401, "sign-in-refused");

    let visit = Visit::begin(&router).await;
    let cookie = [("cookie", visit.cookie.as_str())];
    let path = format!(
        "/auth/callback?code=c&state={}&iss=http://evil.example",
        visit.state
    );
    let mixed_up = send(&router, Method::GET, &path, &cookie).await;
    mixed_up.expect_problem(401, "sign-in-refused");

    let visit = Visit::begin(&router).await;
    let cookie = [("cookie", visit.cookie.as_str())];
    let path = format!("/auth/callback?error=access_denied&state={}", visit.state);
    let denied = send(&router, Method::GET, &path, &cookie).await;
    denied.expect_problem(401, "sign-in-refused");
    assert!(
        !denied.body.contains("access_denied"),
        "a link's words are not shown"
    );

    let late = Visit::begin(&router).await;
    *city.around.clock.lock().unwrap() = at(45).plus_millis(600_000);
    late.back().await.expect_problem(401, "sign-in-refused");
}

#[expect(clippy::too_many_lines, reason = "one lie after the other")]
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_proves_nothing_signs_nobody_in() {
    let (fake, city, router) = door(|_| {}).await;
    type Lie = fn(&mut Forged);
    let lies: [(&str, Lie); 19] = [
        ("another audience", |token| {
            token.claims["aud"] = json!("other");
        }),
        ("no audience", |token| token.claims["aud"] = json!([])),
        ("another audience besides", |token| {
            token.claims["aud"] = json!([CLIENT, "other"]);
        }),
        ("another party", |token| {
            token.claims["azp"] = json!("other");
        }),
        ("another issuer", |token| {
            token.claims["iss"] = json!("http://127.0.0.1:1");
        }),
        ("a slash more", |token| {
            let issuer = format!("{}/", token.claims["iss"].as_str().unwrap());
            token.claims["iss"] = json!(issuer);
        }),
        ("another key", |token| {
            token.sign = |message| rsa_sign(1, message);
        }),
        ("no signature", |token| token.sign = |_| Vec::new()),
        ("a bit flipped", |token| {
            token.sign = |message| {
                let mut signature = rsa_sign(0, message);
                signature[9] ^= 1;
                signature
            }
        }),
        ("alg none", |token| {
            token.header = json!({"alg": "none"});
            token.sign = |_| Vec::new();
        }),
        ("alg none, signed", |token| {
            token.header = json!({"alg": "none", "kid": "k1"});
        }),
        ("HS256 by our secret", |token| {
            token.header = json!({"alg": "HS256"});
            token.sign = |message| hmac_sign(SECRET.into(), message);
        }),
        ("HS256 by the public key", |token| {
            token.header = json!({"alg": "HS256", "kid": "k1"});
            token.sign = |message| {
                let public = keys()[0]
                    .to_public_key()
                    .to_pkcs1_pem(LineEnding::LF)
                    .unwrap();
                hmac_sign(public.into_bytes(), message)
            };
        }),
        ("expired", |token| {
            token.claims["exp"] = token.claims["iat"].clone();
        }),
        ("no end", |token| {
            drop(token.claims.as_object_mut().unwrap().remove("exp"));
        }),
        ("made in the future", |token| {
            token.claims["iat"] = json!(token.claims["iat"].as_i64().unwrap() + 120);
        }),
        ("another nonce", |token| {
            token.claims["nonce"] = json!("other");
        }),
        ("no nonce", |token| {
            drop(token.claims.as_object_mut().unwrap().remove("nonce"));
        }),
        ("another's access token", |token| {
            token.claims["at_hash"] = json!("AAAA");
        }),
    ];
    for (minute, (lie, forge)) in lies.into_iter().enumerate() {
        // Every lie in a minute of its own: a client that fails too often is not listened to.
        let now = at(45).plus_millis(minute as i64 * 60_000);
        *city.around.clock.lock().unwrap() = now;
        let visit = Visit::begin(&router).await;
        let mut token = fake.right(&visit.nonce, now);
        forge(&mut token);
        fake.give(&token);
        let answer = visit.back().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{lie}: {answer:?}");
        assert!(cookie_of(&answer, "spotcheck-session").is_none(), "{lie}");
    }
    let visit = Visit::begin(&router).await;
    fake.desk.lock().unwrap().token = None;
    visit.back().await.expect_problem(401, "sign-in-refused");
    // And the truth is still believed.
    let now = *city.around.clock.lock().unwrap();
    signed_in(&fake, &router, now).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_provider_are_fetched_when_they_are_needed() {
    let (fake, _city, router) = door(|_| {}).await;
    signed_in(&fake, &router, at(45)).await;
    "k2".clone_into(&mut fake.desk.lock().unwrap().kid);
    signed_in(&fake, &router, at(45)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_zones_come_from_claims_by_their_names_and_from_the_configuration() {
    let (fake, _city, router) = door(|settings| {
        "realm.groups".clone_into(&mut settings.roles_claim);
        settings.roles = BTreeMap::from([("义乌-市场".to_owned(), Role::ZoneManager)]);
        let zone = ZoneId::new("330782-futian").unwrap();
        let people = ([Role::ZoneManager].into(), [zone].into());
        settings.people = BTreeMap::from([("officer-7".to_owned(), people)]);
    })
    .await;
    let session = async |claims: Value| {
        let visit = Visit::begin(&router).await;
        let mut token = fake.right(&visit.nonce, at(45));
        token
            .claims
            .as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        fake.give(&token);
        let answer = visit.back().await;
        let Some(cookie) = cookie_of(&answer, "spotcheck-session") else {
            return answer.json();
        };
        send(&router, Method::GET, "/v1/session", &[("cookie", &cookie)])
            .await
            .json()
    };
    let claims =
        json!({"sub": "张三", "realm": {"groups": ["义乌-市场"]}, "zones": "330782-choucheng"});
    let manager = session(claims).await;
    assert_eq!(manager["actor"], "张三");
    assert_eq!(manager["zones"], json!(["330782-choucheng"]));
    let named = session(json!({})).await;
    assert_eq!(named["zones"], json!(["330782-futian"]));
    // The roles' own codes mean nothing where the configuration names groups.
    let nobody = session(json!({"sub": "x", "realm": {"groups": ["administrator"]}})).await;
    assert_eq!(nobody["type"], "/problems/forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_counted_and_then_not_listened_to() {
    let (_fake, _city, router) = door(|_| {}).await;
    let path = "/auth/callback?code=c&state=s";
    for _ in 0..20 {
        send(&router, Method::GET, path, &[])
            .await
            .expect_problem(401, "sign-in-refused");
    }
    let limited = send(&router, Method::GET, path, &[]).await;
    limited.expect_problem(429, "rate-limited");
    send(&router, Method::GET, "/auth/login", &[])
        .await
        .expect_problem(429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_or_not_configured_is_told_apart() {
    let (_fake, _city, router) = door(|settings| {
        "http://127.0.0.1:1".clone_into(&mut settings.issuer);
    })
    .await;
    let down = send(&router, Method::GET, "/auth/login", &[]).await;
    down.expect_problem(502, "provider-unreachable");
    let none = City::empty().guarded(guard());
    let absent = send(&none, Method::GET, "/auth/login", &[]).await;
    absent.expect_problem(404, "not-found");
}
