//! The certificate that the program makes for itself.

use std::{
    collections::BTreeSet,
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use sansftp::adapters::tls::Identity;

const COMMON_NAME: &str = "sansftp ftpd, self-signed";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// From the start of the program. To clients, a certificate that is valid for centuries looks as wrong as one that has
/// expired.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A certificate that nobody has signed, for a server that clients reach at these addresses. They have to be told its
/// fingerprint by another way.
pub(super) fn self_signed(addresses: impl IntoIterator<Item = IpAddr>) -> Result<Identity, Box<dyn Error>> {
    let mut params = CertificateParams::new(Vec::from_iter(names(addresses)?))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let start_of_1970 = rcgen::date_time_ymd(1970, 1, 1);
    // Yesterday: the clocks of some clients are slow.
    params.not_before = start_of_1970 + since_1970.saturating_sub(DAY);
    params.not_after = start_of_1970 + since_1970 + VALIDITY;

    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    println!("certificate SHA-256 {}", fingerprint(certificate.der()));
    Ok(Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?)
}

/// In the form in which clients show it.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// What clients may call a server that listens at these addresses.
fn names(addresses: impl IntoIterator<Item = IpAddr>) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for address in addresses {
        let reached = if address.is_unspecified() {
            if_addrs::get_if_addrs()?.iter().map(if_addrs::Interface::ip).collect()
        } else {
            vec![address]
        };
        for address in reached {
            names.extend(names_of(address));
        }
    }
    Ok(names)
}

fn names_of(address: IpAddr) -> Vec<String> {
    if address.is_loopback() {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST), address];
        return loopback.iter().map(IpAddr::to_string).chain(["localhost".to_owned()]).collect();
    }
    // A certificate has no room for letters beyond ASCII.
    let host = gethostname::gethostname().into_string().ok();
    let host = host.filter(|host| host.is_ascii() && !host.is_empty());
    host.into_iter().chain([address.to_string()]).collect()
}
