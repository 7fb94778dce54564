//! Sessions（会话） of people, kept in memory: a restart ends them all.
//!
//! The cookie holds 256 random bits; the server keeps their hash, so that nothing it could leak
//! opens a session. A session ends when it was not used for a while, when its time is over, and at
//! log-out; a cookie of an ended session is worth nothing, whoever replays it.

use super::{Grant, Identity, Means};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use risk_domain::ids::ActorId;
use risk_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sessions kept at once; beyond it the one that was used longest ago ends.
const MOST: usize = 10_000;

/// How long sessions last, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request for so long, it ends.
    pub idle_millis: i64,
    /// It ends after so long whatever happens.
    pub absolute_millis: i64,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    limits: SessionLimits,
    held: Mutex<BTreeMap<[u8; 32], Session>>,
}

#[derive(Debug)]
struct Session {
    /// Names it to people; it opens nothing.
    id: String,
    grant: Grant,
    csrf: String,
    began: Timestamp,
    used: Timestamp,
}

impl Session {
    fn ends_at(&self, limits: SessionLimits) -> Timestamp {
        let idle = self.used.plus_millis(limits.idle_millis);
        idle.min(self.began.plus_millis(limits.absolute_millis))
    }
}

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Names it.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) actor: ActorId,
    /// When it began.
    pub(crate) began: Timestamp,
    /// When it was last used.
    pub(crate) used: Timestamp,
    /// When it ends unless it is used.
    pub(crate) ends_at: Timestamp,
}

/// The name of a secret under which it is kept.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// A fresh secret of 256 random bits, as text.
pub(crate) fn fresh() -> String {
    URL_SAFE_NO_PAD.encode(risk_store::fresh_seed())
}

impl Sessions {
    pub(crate) fn new(limits: SessionLimits) -> Self {
        Self {
            limits,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session, always under a fresh id, and gives the cookie's value.
    pub(crate) fn begin(&self, grant: Grant, now: Timestamp) -> String {
        let secret = fresh();
        let mut held = self.held();
        held.retain(|_, session| now < session.ends_at(self.limits));
        if held.len() >= MOST {
            let oldest = held.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                held.remove(&oldest);
            }
        }
        let session = Session {
            id: fresh(),
            grant,
            csrf: fresh(),
            began: now,
            used: now,
        };
        held.insert(digest(&secret), session);
        secret
    }

    /// Whose session a cookie opens, if it still does; this counts as a use.
    pub(crate) fn find(&self, cookie: &str, now: Timestamp) -> Option<Identity> {
        let id = digest(cookie);
        let mut held = self.held();
        let session = held.get_mut(&id)?;
        if now >= session.ends_at(self.limits) {
            held.remove(&id);
            return None;
        }
        session.used = session.used.max(now);
        let absolute = session.began.plus_millis(self.limits.absolute_millis);
        let means = Means::Session {
            id: session.id.clone(),
            csrf: session.csrf.clone(),
            ends_at: absolute.millis(),
        };
        Some(Identity::of(session.grant.clone(), means))
    }

    /// Sessions that have not ended, the one used last first.
    pub(crate) fn open(&self, now: Timestamp) -> Vec<Open> {
        let held = self.held();
        let open = held.values().map(|session| Open {
            id: session.id.clone(),
            actor: session.grant.actor.clone(),
            began: session.began,
            used: session.used,
            ends_at: session.ends_at(self.limits),
        });
        let mut open: Vec<Open> = open.filter(|session| now < session.ends_at).collect();
        open.sort_by(|one, other| (other.used, &other.id).cmp(&(one.used, &one.id)));
        open
    }

    /// Ends sessions by their names.
    pub(crate) fn end_all(&self, ids: &[String]) {
        self.held().retain(|_, session| !ids.contains(&session.id));
    }

    /// Ends a session.
    pub(crate) fn end(&self, cookie: &str) {
        self.held().remove(&digest(cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use risk_domain::scales::Role;

    const LIMITS: SessionLimits = SessionLimits {
        idle_millis: 10,
        absolute_millis: 25,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_772_413_200_000 + millis)
    }

    fn grant() -> Grant {
        Grant {
            actor: ActorId::new("A").unwrap(),
            roles: [Role::Viewer].into(),
            zones: [].into(),
        }
    }

    #[test]
    fn a_session_ends_when_idle_and_at_its_absolute_end() {
        let sessions = Sessions::new(LIMITS);
        let idle = sessions.begin(grant(), at(0));
        assert!(sessions.find(&idle, at(9)).is_some());
        assert!(sessions.find(&idle, at(18)).is_some());
        assert!(sessions.find(&idle, at(24)).is_some());
        assert!(sessions.find(&idle, at(25)).is_none(), "its time is over");
        let idle = sessions.begin(grant(), at(30));
        assert!(sessions.find(&idle, at(40)).is_none(), "nobody used it");
        assert!(
            sessions.find(&idle, at(31)).is_none(),
            "it does not come back"
        );
    }

    #[test]
    fn a_cookie_is_worth_nothing_after_the_log_out_and_another_is_not_touched() {
        let sessions = Sessions::new(LIMITS);
        let (one, two) = (
            sessions.begin(grant(), at(0)),
            sessions.begin(grant(), at(0)),
        );
        assert_ne!(one, two);
        sessions.end(&one);
        assert!(sessions.find(&one, at(1)).is_none());
        assert!(sessions.find(&two, at(1)).is_some());
        assert!(sessions.find("", at(1)).is_none());
    }

    #[test]
    fn so_many_sessions_are_kept_and_the_least_used_goes_first() {
        let limits = SessionLimits {
            idle_millis: 1_000_000,
            absolute_millis: 1_000_000,
        };
        let sessions = Sessions::new(limits);
        let first = sessions.begin(grant(), at(0));
        let second = sessions.begin(grant(), at(1));
        for number in 2..MOST as i64 {
            sessions.begin(grant(), at(number));
        }
        assert!(sessions.find(&first, at(20_000)).is_some());
        sessions.begin(grant(), at(20_001));
        assert!(sessions.find(&first, at(20_002)).is_some());
        assert!(sessions.find(&second, at(20_002)).is_none());
        assert_eq!(sessions.held().len(), MOST);
    }
}
