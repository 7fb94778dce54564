//! Who is let in, and under which certificate, from the configuration.

use crate::commands::token;
use crate::config::{Config, Http, Identity, Person};
use anyhow::Context;
use risk_api::Tls;
use risk_api::identity::{Access, Provider, ProviderSettings, SessionLimits, TokenFile};
use risk_domain::scales::Role;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The certificate to serve under, if there is one.
pub(crate) fn tls(http: &Http) -> anyhow::Result<Option<Tls>> {
    if http.tls_certificate.as_os_str().is_empty() {
        return Ok(None);
    }
    let tls = Tls::from_files(&http.tls_certificate, &http.tls_key);
    Ok(Some(tls.context("http.tls_certificate, http.tls_key")?))
}

/// Who is let in.
pub(crate) fn access(config: &Config) -> anyhow::Result<Access> {
    let identity = &config.identity;
    if identity.demo {
        return Ok(Access::demo());
    }
    let provider = if identity.issuer.is_empty() {
        None
    } else {
        Some(Arc::new(Provider::new(provider_settings(identity)?)?))
    };
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let tokens = TokenFile::at(&config.secrets_dir());
    // A file that cannot be read is told now, not at the first request.
    let listed = tokens.list()?;
    if listed.is_empty() && provider.is_none() {
        tracing::warn!(
            path = %tokens.path().display(),
            "nobody can ask anything: there is no token and no provider; see `spotcheck token create`"
        );
    }
    Ok(Access {
        demo: false,
        metrics_open: config.http.metrics_open,
        tokens: Some(tokens),
        provider,
        sessions: SessionLimits {
            idle_millis: millis(identity.session_idle),
            absolute_millis: millis(identity.session_absolute),
        },
        requests_per_minute: config.http.requests_per_minute,
        concurrent_requests: config.http.concurrent_requests,
    })
}

fn provider_settings(identity: &Identity) -> anyhow::Result<ProviderSettings> {
    let read = |path: &Path, key: &str| {
        let absent = path.as_os_str().is_empty();
        let bytes = (!absent).then(|| {
            let why = || format!("identity.{key}: cannot read {}", path.display());
            std::fs::read(path).with_context(why)
        });
        bytes.transpose()
    };
    let secret = read(&identity.client_secret_file, "client_secret_file")?;
    let secret = secret.map(|bytes| {
        let text = String::from_utf8(bytes).context("identity.client_secret_file is no UTF-8")?;
        anyhow::Ok(text.trim().to_owned())
    });
    let role = |(value, code): (&String, &String)| {
        let role = Role::from_code(code);
        let role = role.with_context(|| format!("identity.roles: `{code}` is no role"))?;
        anyhow::Ok((value.clone(), role))
    };
    let person = |(actor, person): (&String, &Person)| {
        let named = || format!("identity.people.\"{actor}\"");
        let roles = token::roles(&person.roles).with_context(named)?;
        let zones = token::zones(&person.zones).with_context(named)?;
        anyhow::Ok((actor.clone(), (roles, zones)))
    };
    Ok(ProviderSettings {
        issuer: identity.issuer.clone(),
        client_id: identity.client_id.clone(),
        client_secret: secret.transpose()?,
        public_url: identity.public_url.clone(),
        scopes: identity.scopes.clone(),
        actor_claim: identity.actor_claim.clone(),
        roles_claim: identity.roles_claim.clone(),
        zones_claim: identity.zones_claim.clone(),
        roles: identity.roles.iter().map(role).collect::<Result<_, _>>()?,
        people: identity
            .people
            .iter()
            .map(person)
            .collect::<Result<_, _>>()?,
        authority: read(&identity.authority_file, "authority_file")?,
    })
}
