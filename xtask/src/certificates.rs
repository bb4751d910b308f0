//! A certificate authority for one run, and a certificate of `localhost`, made by openssl; and Base64, as Secrets hold
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{anyhow, bail};

use crate::packages;

/// Files in PEM.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    /// The authority's certificate.
    pub(crate) ca: PathBuf,
    /// The certificate of `localhost` (ECDSA P-256).
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes them in `folder`, valid for a few days.
    pub(crate) fn make(folder: &Path) -> anyhow::Result<Self> {
        packages::ensure("openssl", "openssl").map_err(|reason| anyhow!(reason))?;
        std::fs::create_dir_all(folder)?;
        let file = |name: &str| folder.join(name);
        let made = Self {
            ca: file("ca.crt"),
            certificate: file("tls.crt"),
            key: file("tls.key"),
        };
        let names = file("names");
        std::fs::write(
            &names,
            "subjectAltName=DNS:localhost,DNS:*.example.com,DNS:*.test.google.fr,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )?;
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        openssl(
            folder,
            &[
                "req",
                "-x509",
                "-days",
                "7",
                "-subj",
                "/CN=suites",
                "-keyout",
                "ca.key",
                "-out",
                "ca.crt",
            ],
            &key,
        )?;
        openssl(
            folder,
            &[
                "req",
                "-subj",
                "/CN=localhost",
                "-keyout",
                "tls.key",
                "-out",
                "tls.csr",
            ],
            &key,
        )?;
        openssl(
            folder,
            &[
                "x509", "-req", "-days", "5", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            ],
            &["-CAcreateserial", "-extfile", "names", "-out", "tls.crt"],
        )?;
        Ok(made)
    }
}

fn openssl(folder: &Path, words: &[&str], more: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(words)
        .args(more)
        .output()?;
    if !output.status.success() {
        bail!(
            "openssl {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Base64 with padding (RFC 4648 §4), as Secrets hold it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standards_examples() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
