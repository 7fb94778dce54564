//! The Merkle tree against the eight-leaf vectors of Certificate Transparency and against its laws.

use std::convert::Infallible;

use proptest::prelude::*;
use risk_store::ledger::Hash;
use risk_store::ledger::merkle::{
    CompactRange, TreeHead, consistency_proof, empty_root, inclusion_proof, leaf_hash, node_hash,
    root_at, verify_consistency, verify_inclusion,
};

const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Roots of the first 0 to 8 leaves, as the reference implementations of RFC 6962 publish them.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn known_leaves() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect()
}

fn numbered_leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|number| leaf_hash(&number.to_be_bytes()))
        .collect()
}

/// The tree as RFC 6962 §2.1 defines it, without any cleverness.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&defined_root(left), &defined_root(right))
        }
    }
}

fn node(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
    move |level, index| {
        let (start, length) = ((index as usize) << level, 1 << level);
        Ok(defined_root(&leaves[start..start + length]))
    }
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead {
        size: leaves.len() as u64,
        root: defined_root(leaves),
    }
}

#[test]
fn the_published_roots_and_paths() {
    let leaves = known_leaves();
    let mut range = CompactRange::default();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(range.root().to_string(), *expected, "{size} leaves");
        assert_eq!(
            root_at(size as u64, node(&leaves)).unwrap().to_string(),
            *expected
        );
        if let Some(leaf) = leaves.get(size) {
            range.extend(vec![*leaf], |_, _| ());
        }
    }
    let texts = |path: Vec<Hash>| path.iter().map(Hash::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts(inclusion_proof(0, 8, node(&leaves)).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        texts(consistency_proof(6, 8, node(&leaves)).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_proof_of_every_small_tree_holds_and_no_other_does() {
    let leaves = numbered_leaves(33);
    for size in 0..=33 {
        let newer = head(&leaves[..size]);
        assert_eq!(root_at(size as u64, node(&leaves)).unwrap(), newer.root);
        for index in 0..size {
            let path = inclusion_proof(index as u64, size as u64, node(&leaves)).unwrap();
            for (other, leaf) in leaves[..size].iter().enumerate() {
                let accepted = verify_inclusion(leaf, index as u64, newer.size, &path, &newer.root);
                assert_eq!(
                    accepted,
                    other == index,
                    "leaf {other} as {index} of {size}"
                );
            }
            assert!(!verify_inclusion(
                &leaves[index],
                newer.size,
                newer.size,
                &path,
                &newer.root
            ));
        }
        for older_size in 0..=size {
            let older = head(&leaves[..older_size]);
            let path = consistency_proof(older.size, newer.size, node(&leaves)).unwrap();
            assert!(
                verify_consistency(&older, &newer, &path),
                "{older_size} in {size}"
            );
            let forged = TreeHead {
                root: leaves[32],
                ..older
            };
            assert!(
                !verify_consistency(&forged, &newer, &path),
                "{older_size} in {size}"
            );
        }
    }
}

proptest! {
    #[test]
    fn altered_proofs_are_refused(
        size in 2_u64..200, pick in any::<prop::sample::Index>(), hit in any::<prop::sample::Index>(),
        byte in 0_usize..32, mask in 1_u8..,
    ) {
        let leaves = numbered_leaves(size);
        let newer = head(&leaves);
        let index = pick.index(size as usize);
        let path = inclusion_proof(index as u64, size, node(&leaves)).unwrap();
        let leaf = &leaves[index];
        prop_assert!(verify_inclusion(leaf, index as u64, size, &path, &newer.root));
        let mut altered = path.clone();
        altered[hit.index(path.len())].0[byte] ^= mask;
        prop_assert!(!verify_inclusion(leaf, index as u64, size, &altered, &newer.root));
        prop_assert!(!verify_inclusion(leaf, index as u64, size, &path[1..], &newer.root));

        let older = head(&leaves[..=index]);
        let path = consistency_proof(older.size, size, node(&leaves)).unwrap();
        prop_assert!(verify_consistency(&older, &newer, &path));
        if !path.is_empty() {
            let mut altered = path.clone();
            altered[hit.index(path.len())].0[byte] ^= mask;
            prop_assert!(!verify_consistency(&older, &newer, &altered));
            prop_assert!(!verify_consistency(&older, &newer, &path[..path.len() - 1]));
        }
    }

    #[test]
    fn a_compact_range_can_be_taken_up_anywhere(size in 0_u64..600, more in 0_u64..100) {
        let leaves = numbered_leaves(size + more);
        let mut range = CompactRange::load(size, node(&leaves)).unwrap();
        let mut whole = CompactRange::default();
        for leaf in &leaves[..size as usize] {
            whole.extend(vec![*leaf], |_, _| ());
        }
        prop_assert_eq!(&range, &whole);
        let mut told = Vec::new();
        range.extend(leaves[size as usize..].to_vec(), |level, hash| told.push((level, *hash)));
        prop_assert_eq!(range.root(), defined_root(&leaves));
        let mut one_by_one = Vec::new();
        for leaf in &leaves[size as usize..] {
            whole.extend(vec![*leaf], |level, hash| one_by_one.push((level, *hash)));
        }
        prop_assert_eq!(&range, &whole);
        one_by_one.sort_by_key(|(level, _)| *level);
        prop_assert_eq!(told, one_by_one);
    }
}
