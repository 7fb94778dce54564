//! Who asks（身份）, and what they may see and do.
//!
//! The trip of a request: `guard` finds its operation in the table of routes and the
//! `Audience` that stands there, asks a bearer token (`tokens`) or a session cookie
//! (`sessions`) who it is, and hands the `Identity` on. A session begins with a sign-in at the
//! provider (`sign_in`, `provider`). What a person writes bears their name: `actor` puts it
//! there, and refuses another's.

mod actor;
pub(crate) mod guard;
pub(crate) mod open_sessions;
pub(crate) mod pending;
pub(crate) mod provider;
mod records;
pub(crate) mod sessions;
pub(crate) mod sign_in;
mod tokens;

pub use guard::Access;
pub use provider::{Provider, ProviderRule, ProviderSettings};
pub use sessions::SessionLimits;
pub use tokens::{MAX_DAYS, Token, TokenError, TokenFailure, TokenFile};

use crate::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use risk_domain::ids::{ActorId, ZoneId};
use risk_domain::scales::Role;
use risk_domain::subject::Subject;
use risk_engine::{Assessment, Engine, Taxonomy};
use std::collections::BTreeSet;
use std::sync::Arc;

/// For whom an operation of the API is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Whoever asks: that the process lives, and the way to sign in.
    Everybody,
    /// Whoever asks where `http.metrics_open` is set; else administrators.
    Scraper,
    /// Who holds one of these roles.
    Roles(&'static [Role]),
}

/// Everybody who works for the bureau and looks at things.
pub(crate) const STAFF: Audience = Audience::Roles(&[
    Role::Viewer,
    Role::Planner,
    Role::Officer,
    Role::Approver,
    Role::Administrator,
]);
/// The same, and managers of zones, who are shown their own zones only: a handler with this
/// audience must ask [`Identity::sees`] or [`Identity::zones`].
pub(crate) const STAFF_AND_ZONES: Audience = Audience::Roles(&[
    Role::Viewer,
    Role::ZoneManager,
    Role::Planner,
    Role::Officer,
    Role::Approver,
    Role::Administrator,
]);
/// Whoever is known, whatever their role: for what tells nothing of any subject.
pub(crate) const KNOWN: Audience = Audience::Roles(Role::ALL);
/// Who decides on grades and handles what alerts ask for.
pub(crate) const DECIDERS: Audience =
    Audience::Roles(&[Role::Officer, Role::Approver, Role::Administrator]);
/// Who brings results and the register in.
pub(crate) const FEEDERS: Audience =
    Audience::Roles(&[Role::Feeder, Role::Officer, Role::Administrator]);
/// Who brings signals in: complaints and what else is heard, which decide nothing by themselves.
pub(crate) const WITNESSES: Audience = Audience::Roles(&[
    Role::Feeder,
    Role::Officer,
    Role::Approver,
    Role::Administrator,
]);
/// Who makes plans and sees what is to be tested: nobody else is to know before it is drawn and revealed.
pub(crate) const PLANNERS: Audience = Audience::Roles(&[Role::Planner, Role::Administrator]);
/// Who runs the program.
pub(crate) const ADMINISTRATORS: Audience = Audience::Roles(&[Role::Administrator]);
/// Who sees what everybody did.
pub(crate) const AUDITORS: Audience = Audience::Roles(&[Role::Approver, Role::Administrator]);

impl Audience {
    /// Roles that are let in; none where nobody is asked for one.
    pub(crate) fn roles(self) -> &'static [Role] {
        match self {
            Self::Everybody => &[],
            Self::Scraper => &[Role::Administrator],
            Self::Roles(roles) => roles,
        }
    }
}

/// What somebody was granted（授权）: their name in the record, their roles, and the zones of a manager.
#[doc(alias = "授权")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The name under which everything is recorded that they do.
    pub actor: ActorId,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Zones of a zone manager; of no meaning for others.
    pub zones: BTreeSet<ZoneId>,
}

/// By what somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Means {
    /// Nobody was asked: the demo, on loopback.
    Demo,
    /// An API token with this id.
    Token(String),
    /// A session, with what its writes must bring along.
    Session {
        /// Names it to people.
        id: String,
        /// The token against forged requests（防跨站请求伪造令牌）.
        csrf: String,
        /// When it ends at the latest, in milliseconds since 1970.
        ends_at: i64,
    },
}

/// Who asks（身份）. Handlers take it as an argument.
#[doc(alias = "身份")]
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// None in the demo, where everything is allowed and the body says who acts.
    grant: Option<Grant>,
    means: Means,
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<Self>().cloned();
        // A handler of a route that is for everybody has no business with it.
        known.ok_or_else(|| ApiError::Internal("nobody was asked who they are".to_owned()))
    }
}

impl Identity {
    pub(crate) fn demo() -> Self {
        Self(Arc::new(Known {
            grant: None,
            means: Means::Demo,
        }))
    }

    pub(crate) fn of(grant: Grant, means: Means) -> Self {
        Self(Arc::new(Known {
            grant: Some(grant),
            means,
        }))
    }

    /// What they were granted; none in the demo.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.0.grant.as_ref()
    }

    pub(crate) fn means(&self) -> &Means {
        &self.0.means
    }

    /// The session by which they ask, by its name.
    pub(crate) fn session_id(&self) -> Option<&str> {
        match self.means() {
            Means::Session { id, .. } => Some(id),
            Means::Demo | Means::Token(_) => None,
        }
    }

    /// Whether they belong to an audience. In the demo everybody does.
    pub(crate) fn may(&self, audience: Audience) -> bool {
        let Some(grant) = self.grant() else {
            return true;
        };
        audience == Audience::Everybody
            || audience
                .roles()
                .iter()
                .any(|role| grant.roles.contains(role))
    }

    /// The zones to which they are confined（辖区）: a manager who has no other role sees those and what
    /// lies in them. None means that they see the whole city.
    pub(crate) fn zones(&self) -> Option<&BTreeSet<ZoneId>> {
        let grant = self.grant()?;
        (!self.may(STAFF)).then_some(&grant.zones)
    }

    /// Whether a zone is theirs or lies in one that is.
    pub(crate) fn sees_zone(&self, zone: &ZoneId, taxonomy: &Taxonomy) -> bool {
        self.zones().is_none_or(|own| {
            taxonomy
                .zone_path(zone)
                .iter()
                .any(|part| own.contains(part))
        })
    }

    /// Whether they may be shown what is assessed. Grades of products and sectors are the whole
    /// city's; an enterprise, a site or a cell is a zone's where it was seen there.
    pub(crate) fn sees(&self, assessed: &Assessment, taxonomy: &Taxonomy) -> bool {
        let Some(own) = self.zones() else {
            return true;
        };
        match &assessed.subject {
            Subject::Zone(zone) => self.sees_zone(zone, taxonomy),
            Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                assessed.zones.iter().any(|zone| own.contains(zone))
            }
            Subject::Product(_) | Subject::Sector(_) => false,
        }
    }

    /// Whether they may be shown an alert about a subject that names these zones. Where it names
    /// none, it is a zone's if its subject is.
    pub(crate) fn sees_alert<'a>(
        &self,
        subject: &Subject,
        zones: impl IntoIterator<Item = &'a ZoneId>,
        engine: &Engine,
    ) -> bool {
        let Some(own) = self.zones() else {
            return true;
        };
        let taxonomy = engine.taxonomy();
        let mut zones = zones.into_iter().peekable();
        if zones.peek().is_some() {
            return zones.any(|zone| self.sees_zone(zone, taxonomy));
        }
        match subject {
            Subject::Zone(zone) => self.sees_zone(zone, taxonomy),
            Subject::Enterprise(_) | Subject::Site(_) | Subject::Cell(..) => {
                own.iter().any(|zone| engine.lies_in(subject, zone))
            }
            Subject::Product(_) | Subject::Sector(_) => false,
        }
    }

    /// The zone that a list is confined to, given the one that was asked for. A manager of several
    /// zones says which.
    pub(crate) fn confined(
        &self,
        asked: Option<ZoneId>,
        taxonomy: &Taxonomy,
    ) -> Result<Option<ZoneId>, ApiError> {
        let Some(own) = self.zones() else {
            return Ok(asked);
        };
        let names: Vec<&str> = own.iter().map(ZoneId::as_str).collect();
        let rule = format!(
            "must be one of your zones or lie in one: {}",
            names.join(", ")
        );
        match asked {
            Some(zone) if self.sees_zone(&zone, taxonomy) => Ok(Some(zone)),
            None if own.len() == 1 => Ok(own.first().cloned()),
            Some(_) | None => Err(ApiError::BadParameter {
                field: "zone".to_owned(),
                rule,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(roles: &[Role], zones: &[&str]) -> Identity {
        let grant = Grant {
            actor: ActorId::new("A").unwrap(),
            roles: roles.iter().copied().collect(),
            zones: zones
                .iter()
                .map(|zone| ZoneId::new(zone).unwrap())
                .collect(),
        };
        Identity::of(grant, Means::Token("1".to_owned()))
    }

    #[test]
    fn a_manager_is_confined_and_anybody_of_the_bureau_is_not() {
        assert!(known(&[Role::ZoneManager], &["Z"]).zones().is_some());
        // Without a zone there is nothing to see, rather than everything.
        assert_eq!(
            known(&[Role::ZoneManager], &[]).zones().map(BTreeSet::len),
            Some(0)
        );
        assert!(known(&[Role::Feeder], &[]).zones().is_some());
        assert!(
            known(&[Role::ZoneManager, Role::Viewer], &["Z"])
                .zones()
                .is_none()
        );
        assert!(Identity::demo().zones().is_none());
    }

    #[test]
    fn a_list_is_confined_to_one_zone_of_a_manager() {
        let taxonomy = Taxonomy::default();
        let zone = |text: &str| ZoneId::new(text).unwrap();
        let one = known(&[Role::ZoneManager], &["Z"]);
        assert_eq!(one.confined(None, &taxonomy).unwrap(), Some(zone("Z")));
        assert!(one.confined(Some(zone("Y")), &taxonomy).is_err());
        let two = known(&[Role::ZoneManager], &["Y", "Z"]);
        assert!(two.confined(None, &taxonomy).is_err());
        assert_eq!(
            two.confined(Some(zone("Y")), &taxonomy).unwrap(),
            Some(zone("Y"))
        );
        let all = known(&[Role::Viewer], &[]);
        assert_eq!(all.confined(None, &taxonomy).unwrap(), None);
    }

    #[test]
    fn every_role_but_a_feeder_sees_something_and_none_everything() {
        for &role in Role::ALL {
            let one = known(&[role], &[]);
            assert_eq!(one.may(STAFF_AND_ZONES), role != Role::Feeder, "{role}");
            assert!(one.may(KNOWN));
            assert_eq!(
                one.may(Audience::Scraper),
                role == Role::Administrator,
                "{role}"
            );
        }
    }
}
