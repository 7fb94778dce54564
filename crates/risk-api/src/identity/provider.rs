//! The identity provider（身份提供方）, by OpenID Connect: authorization code with PKCE.
//!
//! The provider is asked from here, never by way of the browser alone: the code is exchanged for an
//! ID token over a connection of ours, and the token's signature, issuer, audience, times and nonce
//! are checked by the `openidconnect` crate. Signatures are asymmetric or refused, whatever the
//! provider says it supports: a token signed with a shared secret, or not at all, proves nothing.

use super::Grant;
use super::pending::Begun;
use super::records::Claims;
use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::url;
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, IdTokenClaims, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use risk_domain::ids::{ActorId, ZoneId};
use risk_domain::scales::Role;
use risk_domain::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long what the provider says of itself is taken to stand, in milliseconds.
const KNOWN_FOR: i64 = 10 * 60_000;
/// How far the provider's clock may be ahead of ours, in seconds.
const SKEW: i64 = 60;
/// How long the provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer of the provider that is read.
const LONGEST: u64 = 1 << 20;
/// Where the provider sends people back to, below the public URL.
pub(crate) const CALLBACK: &str = "/auth/callback";

/// How ID tokens may be signed.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 10] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Answer = StandardTokenResponse<Fields, CoreTokenType>;
type OurClient = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// How to sign people in.
#[derive(Clone)]
pub struct ProviderSettings {
    /// The provider's issuer, exactly as it writes it.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our secret at the provider; none for a public client.
    pub client_secret: Option<String>,
    /// How browsers reach us, without a path: `https://spotcheck.example`.
    pub public_url: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that names a person for the record; `sub` is never given to another.
    pub actor_claim: String,
    /// The claim with roles: a text or a list; dots lead into objects.
    pub roles_claim: String,
    /// The claim with the zones of a manager.
    pub zones_claim: String,
    /// Which value of the claim is which role; when empty, the values are the roles' own codes.
    pub roles: BTreeMap<String, Role>,
    /// Roles and zones of people by their actor, beside what the claims say.
    pub people: BTreeMap<String, (BTreeSet<Role>, BTreeSet<ZoneId>)>,
    /// Certificates of the authority that vouches for the provider, in PEM; none for the public ones.
    pub authority: Option<Vec<u8>>,
}

impl std::fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A rule that settings of a provider break.
#[derive(Debug, thiserror::Error)]
#[error("identity.{field} {rule}")]
pub struct ProviderRule {
    field: &'static str,
    rule: String,
}

/// Why a person could not be signed in.
#[derive(Debug)]
pub(crate) enum SignInError {
    /// The provider does not answer, or not as a provider does.
    Unreachable(String),
    /// What came back proves nothing.
    Refused(String),
    /// The person is who they say, and has no role here.
    NoRole(String),
}

/// The provider, and what it last said of itself.
#[derive(Debug)]
pub struct Provider {
    settings: ProviderSettings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    agent: ureq::Agent,
    metadata: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
}

/// The way to the provider, and what must be remembered until the person is back.
pub(crate) struct Departure {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) begun: Begun,
}

#[derive(Debug, thiserror::Error)]
enum Fetch {
    #[error("{0}")]
    Http(#[from] ureq::Error),
    #[error("{0}")]
    Build(#[from] openidconnect::http::Error),
}

/// Whether a URL may carry secrets: `https`, or `http` to this very machine.
fn is_safe(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

impl Provider {
    /// Checks the settings. The provider is first asked when somebody signs in, so that it may be
    /// down when this process starts.
    pub fn new(settings: ProviderSettings) -> Result<Self, ProviderRule> {
        let broken = |field, rule: &str| ProviderRule {
            field,
            rule: rule.to_owned(),
        };
        let parsed = |field, text: &str| {
            let url = url::Url::parse(text).ok().filter(is_safe);
            url.ok_or_else(|| broken(field, "must be an https URL, or http to loopback"))
        };
        parsed("issuer", &settings.issuer)?;
        let public = parsed("public_url", &settings.public_url)?;
        if public.path() != "/" || public.query().is_some() || public.fragment().is_some() {
            return Err(broken("public_url", "must have no path"));
        }
        if settings.client_id.is_empty() {
            return Err(broken("client_id", "must not be empty"));
        }
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|_error| broken("issuer", "must be a URL"))?;
        let base = settings.public_url.trim_end_matches('/');
        let redirect = RedirectUrl::new(format!("{base}{CALLBACK}"))
            .map_err(|_error| broken("public_url", "must be a URL"))?;
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &settings.authority {
            let certificate = Certificate::from_pem(pem);
            let certificate = certificate
                .map_err(|_error| broken("authority_file", "must hold a certificate in PEM"))?;
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        // A provider that redirects a back-channel request elsewhere is none.
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self {
            settings,
            issuer,
            redirect,
            agent,
            metadata: Mutex::default(),
        })
    }

    /// Whether browsers reach us by https, so that cookies may say so.
    pub(crate) fn is_https(&self) -> bool {
        self.settings.public_url.starts_with("https:")
    }

    fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, Fetch> {
        let answer = self.agent.run(request)?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(LONGEST).read_to_vec()?;
        let mut answer = openidconnect::http::Response::builder().status(parts.status);
        for (name, value) in &parts.headers {
            answer = answer.header(name, value);
        }
        Ok(answer.body(body)?)
    }

    /// What the provider says of itself, and its keys; asks again when that is old, or `anew`.
    fn metadata(&self, now: Timestamp, anew: bool) -> Result<CoreProviderMetadata, SignInError> {
        // The lock is not held while the provider is asked: others may have an answer already.
        let known = self
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, metadata)) = known.filter(|_| !anew)
            && (0..KNOWN_FOR).contains(&now.millis_since(at))
        {
            return Ok(metadata);
        }
        let fetch = |request| self.fetch(request);
        let metadata = CoreProviderMetadata::discover(&self.issuer, &fetch)
            .map_err(|error| SignInError::Unreachable(chain(&error)))?;
        let mut known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, metadata.clone()));
        Ok(metadata)
    }

    fn client(&self, metadata: CoreProviderMetadata) -> OurClient {
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        OurClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone())
    }

    /// Where to send a browser that wants to sign in. Waits for the provider.
    pub(crate) fn depart(&self, now: Timestamp) -> Result<Departure, SignInError> {
        let client = self.client(self.metadata(now, false)?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok(Departure {
            url: url.into(),
            state: state.secret().clone(),
            begun: Begun {
                nonce: nonce.secret().clone(),
                verifier: verifier.secret().clone(),
            },
        })
    }

    /// Who came back with this code. Waits for the provider.
    pub(crate) fn arrive(
        &self,
        code: String,
        issuer: Option<&str>,
        begun: Begun,
        now: Timestamp,
    ) -> Result<Grant, SignInError> {
        let refused = |why: &str| SignInError::Refused(why.to_owned());
        // RFC 9207: an answer of another provider is none.
        if issuer.is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(refused("the answer is another issuer's"));
        }
        let client = self.client(self.metadata(now, false)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| SignInError::Unreachable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier));
        let fetch = |request| self.fetch(request);
        let answer: Answer = request.request(&fetch).map_err(|error| match error {
            openidconnect::RequestTokenError::Request(error) => {
                SignInError::Unreachable(error.to_string())
            }
            openidconnect::RequestTokenError::ServerResponse(_)
            | openidconnect::RequestTokenError::Parse(..)
            | openidconnect::RequestTokenError::Other(_) => SignInError::Refused(chain(&error)),
        })?;
        let nonce = Nonce::new(begun.nonce);
        match self.verified(&client, &answer, &nonce, now) {
            // The provider may have new keys since it was asked.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let client = self.client(self.metadata(now, true)?);
                self.verified(&client, &answer, &nonce, now)
            }
            verified => verified,
        }
        .map_err(|error| SignInError::Refused(chain(&error)))
        .and_then(|claims| self.grant(&claims))
    }

    fn verified(
        &self,
        client: &OurClient,
        answer: &Answer,
        nonce: &Nonce,
        now: Timestamp,
    ) -> Result<IdTokenClaims<Claims, CoreGenderClaim>, ClaimsVerificationError> {
        let other = |why: &str| ClaimsVerificationError::Other(why.to_owned());
        let token = answer
            .id_token()
            .ok_or_else(|| other("there is no ID token"))?;
        let clock = DateTime::<Utc>::from_timestamp_millis(now.millis())
            .ok_or_else(|| other("the clock is out of range"))?;
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || clock)
            .set_issue_time_verifier_fn(move |issued| {
                let ahead = issued.signed_duration_since(clock).num_seconds();
                if ahead <= SKEW {
                    Ok(())
                } else {
                    Err(format!("issued {ahead} seconds ahead of this clock"))
                }
            });
        let claims = token.claims(&verifier, nonce)?;
        if claims
            .authorized_party()
            .is_some_and(|party| party.as_str() != self.settings.client_id)
        {
            return Err(other("it was made for another client"));
        }
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
            let actual = algorithm.and_then(|algorithm| Ok((algorithm, key?)));
            let (algorithm, key) =
                actual.map_err(ClaimsVerificationError::SignatureVerification)?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
            if !actual.is_ok_and(|actual| actual == *expected) {
                return Err(other("it belongs to another access token"));
            }
        }
        Ok(claims.clone())
    }

    /// What the claims grant.
    fn grant(&self, claims: &IdTokenClaims<Claims, CoreGenderClaim>) -> Result<Grant, SignInError> {
        let settings = &self.settings;
        let more = &claims.additional_claims().0;
        let name = match settings.actor_claim.as_str() {
            "sub" => Some(claims.subject().as_str().to_owned()),
            "preferred_username" => claims
                .preferred_username()
                .map(|name| name.as_str().to_owned()),
            other => texts(more, other).into_iter().next(),
        };
        let actor = name
            .and_then(|name| ActorId::new(name).ok())
            .ok_or_else(|| {
                SignInError::Refused(format!("the claim `{}` names nobody", settings.actor_claim))
            })?;
        let role = |value: String| {
            if settings.roles.is_empty() {
                Role::from_code(&value)
            } else {
                settings.roles.get(&value).copied()
            }
        };
        let mut roles: BTreeSet<Role> = texts(more, &settings.roles_claim)
            .into_iter()
            .filter_map(role)
            .collect();
        let mut zones: BTreeSet<ZoneId> = texts(more, &settings.zones_claim)
            .into_iter()
            .filter_map(|zone| ZoneId::new(zone).ok())
            .collect();
        if let Some((named, confined)) = settings.people.get(actor.as_str()) {
            roles.extend(named);
            zones.extend(confined.iter().cloned());
        }
        if roles.is_empty() {
            return Err(SignInError::NoRole(actor.to_string()));
        }
        Ok(Grant {
            actor,
            roles,
            zones,
        })
    }
}

/// The texts of a claim, which may be one or a list; dots in its name lead into objects.
fn texts(claims: &BTreeMap<String, Value>, name: &str) -> Vec<String> {
    let found = claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        let outer = claims.get(first)?;
        rest.split('.')
            .try_fold(outer, |value, part| value.get(part))
    });
    match found {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            Vec::new()
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ProviderSettings {
        ProviderSettings {
            issuer: "https://login.example".to_owned(),
            client_id: "spotcheck".to_owned(),
            client_secret: Some("hush".to_owned()),
            public_url: "https://spotcheck.example".to_owned(),
            scopes: Vec::new(),
            actor_claim: "sub".to_owned(),
            roles_claim: "roles".to_owned(),
            zones_claim: "zones".to_owned(),
            roles: BTreeMap::new(),
            people: BTreeMap::new(),
            authority: None,
        }
    }

    #[test]
    fn settings_that_would_leak_secrets_are_refused() {
        assert!(Provider::new(settings()).is_ok());
        let urls = [
            ("http://login.example", false),
            ("ftp://login.example", false),
            ("login.example", false),
            ("http://127.0.0.1:9", true),
            ("http://localhost.example", false),
        ];
        for (url, fits) in urls {
            let issuer = ProviderSettings {
                issuer: url.to_owned(),
                ..settings()
            };
            assert_eq!(Provider::new(issuer).is_ok(), fits, "{url}");
            let public = ProviderSettings {
                public_url: url.to_owned(),
                ..settings()
            };
            assert_eq!(Provider::new(public).is_ok(), fits, "{url}");
        }
        let path = ProviderSettings {
            public_url: "https://a.example/x".to_owned(),
            ..settings()
        };
        assert!(
            Provider::new(path)
                .unwrap_err()
                .to_string()
                .contains("public_url")
        );
        assert!(!format!("{:?}", settings()).contains("hush"));
    }

    #[test]
    fn claims_are_texts_lists_or_lie_in_objects() {
        let claims = serde_json::json!({
            "one": "a", "many": ["a", 7, "b"], "realm": {"roles": ["c"]}, "odd": {"x": 1}, "a.b": "d",
        });
        let claims: BTreeMap<String, Value> = serde_json::from_value(claims).unwrap();
        let cases: [(&str, &[&str]); 7] = [
            ("one", &["a"]),
            ("many", &["a", "b"]),
            ("realm.roles", &["c"]),
            ("realm.none", &[]),
            ("odd", &[]),
            ("a.b", &["d"]),
            ("none", &[]),
        ];
        for (name, expected) in cases {
            assert_eq!(texts(&claims, name), expected, "{name}");
        }
    }
}
