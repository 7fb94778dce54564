//! A throw-away certificate authority.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// A certificate for 127.0.0.1, and the authority that vouches for it.
#[derive(Debug)]
pub struct Vouched {
    /// The authority's certificate, in PEM.
    pub authority: String,
    /// File of the certificate, in PEM.
    pub certificate: PathBuf,
    /// File of its key, in PEM.
    pub key: PathBuf,
}

/// Makes an authority and a certificate, whose files go into `home`.
pub fn vouch(home: &Path) -> Result<Vouched> {
    let mut params = rcgen::CertificateParams::new(Vec::new())?;
    // Without names of their own the certificate would look like one that vouches for itself.
    let name = rcgen::DnType::CommonName;
    params
        .distinguished_name
        .push(name.clone(), "throw-away authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate()?;
    let root = params.self_signed(&root_key)?;
    let issuer = rcgen::Issuer::new(params, root_key);
    let own_key = rcgen::KeyPair::generate()?;
    let mut leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
    leaf.distinguished_name.push(name, "127.0.0.1");
    let leaf = leaf.signed_by(&own_key, &issuer)?;
    let (certificate, key) = (home.join("leaf.pem"), home.join("leaf.key"));
    std::fs::write(&certificate, leaf.pem())?;
    std::fs::write(&key, own_key.serialize_pem())?;
    Ok(Vouched {
        authority: root.pem(),
        certificate,
        key,
    })
}
