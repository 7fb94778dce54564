//! Sign-ins under way（登录中）: between the way to the provider and the way back.
//!
//! Each is known by its `state`, and bound by a cookie to the browser that began it, so that
//! nobody can be signed in by following somebody else's link.

use super::sessions::digest;
use risk_domain::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// Sign-ins kept at once; beyond it the oldest is forgotten.
const MOST: usize = 1_000;
/// How long a person may take at the provider, in milliseconds.
pub(crate) const PATIENCE: i64 = 10 * 60_000;

/// What must be remembered until the person comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The provider must put it into the ID token.
    pub(crate) nonce: String,
    /// Proves to the provider that who brings the code also began the sign-in (PKCE).
    pub(crate) verifier: String,
}

#[derive(Debug)]
struct Pending {
    begun: Begun,
    browser: [u8; 32],
    at: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct PendingSignIns(Mutex<BTreeMap<[u8; 32], Pending>>);

impl PendingSignIns {
    /// Remembers a sign-in of the browser that was given this cookie.
    pub(crate) fn begin(&self, state: &str, browser: &str, begun: Begun, now: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, pending| now.millis_since(pending.at) < PATIENCE);
        if held.len() >= MOST {
            let oldest = held.iter().min_by_key(|(_, pending)| pending.at);
            if let Some(oldest) = oldest.map(|(state, _)| *state) {
                held.remove(&oldest);
            }
        }
        let pending = Pending {
            begun,
            browser: digest(browser),
            at: now,
        };
        held.insert(digest(state), pending);
    }

    /// The sign-in with this state, if this browser began it; once.
    pub(crate) fn take(&self, state: &str, browser: &str, now: Timestamp) -> Option<Begun> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = held.get(&digest(state))?;
        // Another browser's attempt takes nothing from who began it.
        if !bool::from(pending.browser.ct_eq(&digest(browser))) {
            return None;
        }
        let pending = held.remove(&digest(state))?;
        (now.millis_since(pending.at) < PATIENCE).then_some(pending.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_772_413_200_000 + millis)
    }

    fn begun(nonce: &str) -> Begun {
        Begun {
            nonce: nonce.to_owned(),
            verifier: "v".to_owned(),
        }
    }

    #[test]
    fn a_sign_in_is_finished_once_by_the_browser_that_began_it_in_time() {
        let pending = PendingSignIns::default();
        pending.begin("s1", "b1", begun("n1"), at(0));
        pending.begin("s2", "b2", begun("n2"), at(1));
        assert_eq!(pending.take("s1", "b2", at(2)), None, "another browser");
        assert_eq!(pending.take("s3", "b1", at(2)), None, "another state");
        assert_eq!(pending.take("s1", "b1", at(2)), Some(begun("n1")));
        assert_eq!(pending.take("s1", "b1", at(2)), None, "twice");
        assert_eq!(pending.take("s2", "b2", at(1 + PATIENCE)), None, "too late");
    }

    #[test]
    fn so_many_are_remembered_and_the_oldest_goes_first() {
        let pending = PendingSignIns::default();
        for number in 0..=MOST as i64 {
            pending.begin(&number.to_string(), "b", begun("n"), at(number));
        }
        assert_eq!(pending.take("0", "b", at(2_000)), None);
        assert!(pending.take("1", "b", at(2_000)).is_some());
    }
}
