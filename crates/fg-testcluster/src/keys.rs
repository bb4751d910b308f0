//! Keys, certificates and the token of a cluster, made anew for each.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::network::{API_PORT, API_SERVICE, HOST};

/// The files of a cluster's keys, all in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// The keys that lie in `folder`, or will.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    /// Makes all of them.
    /// Errors: the folder cannot be written.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = &mut parameters.distinguished_name;
        name.push(DnType::CommonName, "test cluster");
        let authority = parameters.self_signed(&key)?.pem();
        let issuer = Issuer::new(parameters, key);
        let (host, service) = (HOST.to_string(), API_SERVICE.to_string());
        self.issue(&issuer, "api", &API_NAMES, &[&host, &service])?;
        self.issue(&issuer, "node", &["node"], &[&host])?;
        let accounts = KeyPair::generate()?;
        let token = token()?;
        for (file, content) in [
            ("ca.crt", authority),
            ("sa.key", accounts.serialize_pem()),
            ("sa.pub", accounts.public_key_pem()),
            (
                "tokens.csv",
                format!("{token},admin,admin,\"system:masters\"\n"),
            ),
            ("kubeconfig", self.kubeconfig_text(&token)),
        ] {
            let path = self.folder.join(file);
            fs::write(&path, content).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn issue(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        file: &str,
        names: &[&str],
        addresses: &[&str],
    ) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let all = names.iter().chain(addresses).map(|&name| name.to_owned());
        let mut parameters = CertificateParams::new(all.collect::<Vec<_>>())?;
        parameters.distinguished_name.push(DnType::CommonName, file);
        let certificate = parameters.signed_by(&key, issuer)?;
        fs::write(self.path(&format!("{file}.crt")), certificate.pem())?;
        fs::write(self.path(&format!("{file}.key")), key.serialize_pem())?;
        Ok(())
    }

    fn kubeconfig_text(&self, token: &str) -> String {
        let authority = self.path("ca.crt");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n- name: test\n  cluster:\n    server: https://{HOST}:{API_PORT}\n    certificate-authority: {}\n\
             users:\n- name: admin\n  user:\n    token: {token}\n\
             contexts:\n- name: test\n  context:\n    cluster: test\n    user: admin\n",
            authority.display()
        )
    }

    /// One of the files: `ca.crt`; `api.crt` and `api.key`; `node.crt` and `node.key`; `sa.key` and `sa.pub`, which
    /// sign tokens of service accounts; `tokens.csv`.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The kubeconfig of an administrator. Its address answers inside the outer network namespace only.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }
}

/// Names of the API server; clients in pods use the addresses or the short names.
const API_NAMES: [&str; 5] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "localhost",
    "127.0.0.1",
];

/// A random word of 32 characters.
fn token() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
