use super::*;

const HOUR: i64 = 3_600_000;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_millis(1_772_413_200_000 + hour * HOUR)
}

fn grant(actor: &str) -> Grant {
    Grant {
        actor: ActorId::new(actor).unwrap(),
        roles: [Role::Feeder].into(),
        zones: [].into(),
    }
}

fn made(file: &TokenFile, seed: u8) -> (Token, String) {
    let expires = at(24);
    file.create(
        grant("实验室-1"),
        at(0),
        expires,
        [seed; 32],
        [seed ^ 0xff; 32],
    )
    .unwrap()
}

#[test]
fn a_token_is_found_by_its_text_and_stands_nowhere_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let file = TokenFile::at(&home.path().join("secrets"));
    let (token, text) = made(&file, 7);
    let (found, id) = file.find(&text, at(1)).unwrap().unwrap();
    assert_eq!((found, &id), (token.grant, &token.id));
    let kept = fs::read_to_string(file.path()).unwrap();
    let secret = text.rsplit('_').next().unwrap();
    assert!(!kept.contains(secret) && !kept.contains(&hexadecimal(&[7; 32])));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file.path()), 0o600);
    assert_eq!(mode(&file.uses_path()), 0o600);
    assert_eq!(mode(&home.path().join("secrets")), 0o700);
}

#[test]
fn what_is_not_a_token_in_force_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = TokenFile::at(home.path());
    let (token, text) = made(&file, 7);
    let (_, other) = made(&file, 8);
    let find = |text: &str, hour| file.find(text, at(hour)).unwrap().unwrap_err();
    let secret = |text: &str| text.rsplit('_').next().unwrap().to_owned();
    for malformed in [
        "",
        "Bearer",
        "spotcheck_",
        text.get(..text.len() - 1).unwrap(),
        &format!("{text}x"),
        &format!("{PREFIX}{}_", token.id),
        &text.to_uppercase(),
    ] {
        assert_eq!(find(malformed, 1), TokenFailure::Malformed, "{malformed}");
    }
    let swapped = format!("{PREFIX}{}_{}", token.id, secret(&other));
    assert_eq!(find(&swapped, 1), TokenFailure::Unknown);
    let foreign = format!("{PREFIX}0000000000000000_{}", secret(&text));
    assert_eq!(find(&foreign, 1), TokenFailure::Unknown);
    assert_eq!(find(&text, 24), TokenFailure::Expired);
    assert!(file.find(&text, at(23)).unwrap().is_ok());
}

#[test]
fn a_server_notices_what_another_process_changes() {
    let home = tempfile::tempdir().unwrap();
    let (server, desk) = (TokenFile::at(home.path()), TokenFile::at(home.path()));
    let (token, text) = made(&desk, 7);
    assert!(server.find(&text, at(1)).unwrap().is_ok());
    desk.revoke(&token.id, at(2)).unwrap();
    let refused = server.find(&text, at(2)).unwrap();
    assert_eq!(refused.unwrap_err(), TokenFailure::Revoked);
    // The first time stands.
    assert_eq!(
        desk.revoke(&token.id, at(9)).unwrap().revoked_at,
        Some(at(2))
    );
    let unknown = desk.revoke("0123456789abcdef", at(3)).unwrap_err();
    assert!(unknown.to_string().contains("token list"), "{unknown}");
    let (_, later) = made(&desk, 9);
    assert!(server.find(&later, at(3)).unwrap().is_ok());
}

#[test]
fn the_last_use_is_kept_to_the_minute_and_over_restarts() {
    let home = tempfile::tempdir().unwrap();
    let file = TokenFile::at(home.path());
    let (_, text) = made(&file, 7);
    let used = || TokenFile::at(home.path()).list().unwrap()[0].last_used_at;
    assert_eq!(used(), None);
    file.find(&text, at(1)).unwrap().unwrap();
    assert_eq!(used(), Some(at(1)));
    let soon = at(1).plus_millis(USES_EVERY - 1);
    file.find(&text, soon).unwrap().unwrap();
    assert_eq!(used(), Some(at(1)), "a write a minute is enough");
    let later = at(1).plus_millis(USES_EVERY);
    TokenFile::at(home.path())
        .find(&text, later)
        .unwrap()
        .unwrap();
    assert_eq!(used(), Some(later));
}

#[test]
fn a_file_that_others_may_read_or_that_is_damaged_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = TokenFile::at(home.path());
    let (_, text) = made(&file, 7);
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let open = file.find(&text, at(1)).unwrap_err();
    assert!(open.to_string().contains("chmod 600"), "{open}");
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(file.path(), "{\"version\":2,\"tokens\":[]}").unwrap();
    assert!(matches!(file.list(), Err(TokenError::Damaged { .. })));
    // A damaged file is never overwritten by a new token.
    let refused = file.create(grant("B"), at(0), at(1), [1; 32], [2; 32]);
    assert!(matches!(refused, Err(TokenError::Damaged { .. })));
}

#[test]
fn roles_and_zones_must_fit() {
    let home = tempfile::tempdir().unwrap();
    let file = TokenFile::at(home.path());
    let create = |roles: &[Role], zones: &[&str]| {
        let grant = Grant {
            roles: roles.iter().copied().collect(),
            zones: zones
                .iter()
                .map(|zone| ZoneId::new(zone).unwrap())
                .collect(),
            ..grant("A")
        };
        file.create(grant, at(0), at(1), [1; 32], [2; 32]).is_ok()
    };
    assert!(!create(&[], &[]));
    assert!(!create(&[Role::ZoneManager], &[]));
    assert!(!create(&[Role::Viewer], &["Z"]));
    assert!(create(&[Role::ZoneManager], &["Z"]));
    assert!(create(&[Role::Viewer], &[]));
}
