//! Views can be lost without loss; a ledger that was touched is never believed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use risk_tests::city::{self, City, Draws};

const SEED: u64 = 20_260_603;
const ENTERPRISES: u32 = 60;
/// Flipped bytes spread over the whole ledger.
const FLIPS: u64 = 12;
/// Flipped bytes near its end, within the last block.
const LAST_FLIPS: u64 = 6;
/// The last block of any file is longer than this many bytes.
const NEAR_THE_END: u64 = 64;

/// All files below `folder`, in a fixed order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn shard(data_dir: &Path) -> PathBuf {
    data_dir.join("shards").join("000")
}

/// A way to damage a file's bytes.
type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGES: [Damage; 3] = [
    ("emptied", Vec::clear),
    ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("overwritten", |bytes| {
        for byte in bytes.iter_mut() {
            *byte ^= 0xA5;
        }
    }),
];

#[test]
fn every_damaged_view_file_is_made_again_from_the_ledger() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    City::simulate(SEED, ENTERPRISES)?.import(&data_dir)?;
    let expected = city::state(&data_dir)?;
    let nothing = home.path().join("nothing.ndjson");
    fs::write(&nothing, b"")?;

    let mut damaged = 0;
    for folder in ["views", "identity"] {
        let folder = shard(&data_dir).join(folder);
        for at in 0..files(&folder)?.len() {
            for (name, damage) in DAMAGES {
                // A rebuild may make other files; whichever stands at this place is taken.
                let Some(file) = files(&folder)?.into_iter().nth(at) else {
                    continue;
                };
                let mut bytes = fs::read(&file)?;
                damage(&mut bytes);
                fs::write(&file, bytes)?;
                let what = || format!("{} {name}", file.display());
                ensure!(
                    city::state(&data_dir).with_context(what)? == expected,
                    "verify: {}",
                    what()
                );
                let said = city::over(&["rebuild"], &data_dir).with_context(what)?;
                ensure!(
                    city::value(&said, "state")? == expected,
                    "rebuild: {}",
                    what()
                );
                damaged += 1;
            }
        }
    }
    println!("{damaged} damages of view files undone");
    ensure!(damaged > 3, "no view files found");
    city::import(&data_dir, &nothing)
}

#[test]
fn an_ordinary_start_heals_damaged_views() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    City::simulate(SEED, ENTERPRISES)?.import(&data_dir)?;
    let expected = city::alert_ids(&data_dir)?;
    ensure!(!expected.is_empty(), "a city without alerts shows nothing");

    let views = shard(&data_dir).join("views");
    for (name, damage) in DAMAGES {
        for file in files(&views)? {
            let mut bytes = fs::read(&file)?;
            damage(&mut bytes);
            fs::write(&file, bytes)?;
        }
        let healed = city::alert_ids(&data_dir).with_context(|| format!("views {name}"))?;
        ensure!(healed == expected, "other alerts after views {name}");
    }
    Ok(())
}

#[test]
fn a_flipped_byte_of_the_ledger_is_found_and_its_block_named() -> Result<()> {
    let home = tempfile::tempdir()?;
    let data_dir = home.path().join("data");
    City::simulate(SEED, ENTERPRISES)?.import(&data_dir)?;
    city::state(&data_dir)?;
    let mut draws = Draws::from_seed(SEED);

    let ledger = files(&shard(&data_dir).join("ledger"))?;
    let longest = ledger
        .iter()
        .max_by_key(|file| fs::metadata(file).map_or(0, |it| it.len()));
    let file = longest.context("the ledger has no file")?;
    let whole = fs::read(file)?;
    let length = whole.len() as u64;
    ensure!(length > NEAR_THE_END, "the ledger is empty");
    let anywhere = (0..FLIPS).map(|_| draws.below(length)).collect::<Vec<_>>();
    let at_the_end = (0..LAST_FLIPS).map(|_| length - 1 - draws.below(NEAR_THE_END));
    let places: Vec<u64> = anywhere.into_iter().chain(at_the_end).collect();
    println!("bytes flipped in turn, of {length}: {places:?}");

    for place in places {
        let mut bytes = whole.clone();
        let byte = bytes.get_mut(usize::try_from(place)?);
        *byte.context("a place in the file")? ^= 1 << draws.below(8);
        fs::write(file, bytes)?;
        let output = city::attempt(&["ledger", "verify"], &data_dir)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(1),
            "byte {place}: {} {said}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        ensure!(
            said.contains("block"),
            "byte {place}: no block named: {said}"
        );
    }
    fs::write(file, whole)?;
    city::state(&data_dir)?;
    Ok(())
}
