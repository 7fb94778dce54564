//! What a person writes bears their name（操作人）.
//!
//! A posted record that names no actor gets the one who posts it; one that names another, or a
//! role that they do not hold, refuses the whole post. In the demo nobody is known, and the record's
//! own word stands.

use super::records::{Named, NamedActor};
use super::{DECIDERS, Grant, Identity};
use crate::error::ApiError;
use risk_domain::scales::Role;

/// Under which role a person acts who does not say: the one that may do the most.
const BY_POWER: [Role; 7] = [
    Role::Approver,
    Role::Administrator,
    Role::Officer,
    Role::Planner,
    Role::ZoneManager,
    Role::Viewer,
    Role::Feeder,
];

impl Identity {
    /// Sees to it that records bear the name of who posts them. What is no JSON object, or names its
    /// actor in some other shape, is left as it is: the wire rejects it with a reason and keeps it.
    pub(crate) fn sign(&self, records: &mut [Vec<u8>]) -> Result<(), ApiError> {
        let Some(grant) = self.grant() else {
            return Ok(());
        };
        for (at, record) in records.iter_mut().enumerate() {
            let Ok(named) = serde_json::from_slice::<Named>(record) else {
                continue;
            };
            match named.actor {
                Some(actor) => allowed(grant, &actor, at + 1)?,
                None => insert(grant, record)?,
            }
        }
        Ok(())
    }
}

fn allowed(grant: &Grant, actor: &NamedActor, place: usize) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::Forbidden(why));
    if actor.id != grant.actor.as_str() {
        let own = &grant.actor;
        return refuse(format!(
            "record {place} names the actor `{}`; you are `{own}`: leave `actor` out, or name yourself",
            actor.id
        ));
    }
    let held = Role::from_code(&actor.role).is_some_and(|role| grant.roles.contains(&role));
    if !held {
        let roles: Vec<&str> = grant.roles.iter().map(|role| role.code()).collect();
        return refuse(format!(
            "record {place} is written in the role `{}`; yours: {}",
            actor.role,
            roles.join(", ")
        ));
    }
    Ok(())
}

/// Writes the actor into an object, and leaves every other byte as it is.
fn insert(grant: &Grant, record: &mut Vec<u8>) -> Result<(), ApiError> {
    let role = BY_POWER.into_iter().find(|role| {
        let decides = DECIDERS.roles().contains(role) || !grant_decides(grant);
        decides && grant.roles.contains(role)
    });
    let (Some(role), Some(open)) = (role, record.iter().position(|byte| *byte == b'{')) else {
        return Ok(());
    };
    let actor = NamedActor {
        id: grant.actor.to_string(),
        role: role.code().to_owned(),
    };
    let actor =
        serde_json::to_string(&actor).map_err(|error| ApiError::Internal(error.to_string()))?;
    let rest = record
        .get(open + 1..)
        .unwrap_or_default()
        .trim_ascii_start();
    let comma = if rest.first() == Some(&b'}') { "" } else { "," };
    let member = format!("\"actor\":{actor}{comma}");
    record.splice(open + 1..=open, member.into_bytes());
    Ok(())
}

fn grant_decides(grant: &Grant) -> bool {
    DECIDERS
        .roles()
        .iter()
        .any(|role| grant.roles.contains(role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Means;
    use risk_domain::ids::ActorId;

    fn signed(roles: &[Role], record: &str) -> Result<String, String> {
        let grant = Grant {
            actor: ActorId::new("张-1\"").unwrap(),
            roles: roles.iter().copied().collect(),
            zones: [].into(),
        };
        let identity = Identity::of(grant, Means::Token("t".to_owned()));
        let mut records = [record.as_bytes().to_vec()];
        match identity.sign(&mut records) {
            Ok(()) => Ok(String::from_utf8(records[0].clone()).unwrap()),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    #[test]
    fn an_absent_actor_is_written_in_and_nothing_else_changes() {
        let roles = [Role::Viewer, Role::Officer];
        let actor = "\"actor\":{\"id\":\"张-1\\\"\",\"role\":\"officer\"}";
        let cases = [
            ("{}", format!("{{{actor}}}")),
            (" { } ", format!(" {{{actor} }} ")),
            ("{\"a\": 1.10}", format!("{{{actor},\"a\": 1.10}}")),
        ];
        for (record, expected) in cases {
            assert_eq!(signed(&roles, record).unwrap(), expected, "{record}");
        }
        let both = signed(&[Role::Approver, Role::Officer], "{}").unwrap();
        assert!(both.contains("approver"), "{both}");
    }

    #[test]
    fn another_actor_and_a_role_not_held_refuse_the_post() {
        let named = |id: &str, role: &str| {
            serde_json::json!({"actor": {"id": id, "role": role}}).to_string()
        };
        let own = named("张-1\"", "officer");
        assert_eq!(signed(&[Role::Officer], &own).unwrap(), own);
        let other = signed(&[Role::Officer], &named("李-2", "officer")).unwrap_err();
        assert!(other.contains("李-2"), "{other}");
        for role in ["approver", "王", ""] {
            let refused = signed(&[Role::Officer], &named("张-1\"", role)).unwrap_err();
            assert!(refused.contains("officer"), "{refused}");
        }
    }

    #[test]
    fn what_has_another_shape_is_left_to_the_wire() {
        for record in [
            "[1]",
            "{\"actor\":7}",
            "{",
            "{\"actor\":{},\"actor\":{}}",
            "",
        ] {
            assert_eq!(signed(&[Role::Officer], record).unwrap(), record);
        }
    }
}
