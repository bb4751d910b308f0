//! Credentials to secrets: those that listeners and clusters refer to, and no others.

mod pem;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, Secret, TlsCertificate, secret::Type,
};
use fg_ir::{Change, CredentialKey, Ir, Material};
use fg_model::ObjectRef;

use crate::compiler::Output;
use crate::resource::Kind;

pub(crate) use reference::{AUTHORITIES, SecretKey, ads, parameters, sds, transport_socket};

/// The secrets in use.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// What each user refers to.
    users: BTreeMap<User, Vec<SecretKey>>,
    /// Who refers to each secret, and whose status says so when Envoy refuses it.
    used: BTreeMap<SecretKey, Users>,
    /// The secrets with a credential.
    by_credential: BTreeMap<CredentialKey, BTreeSet<SecretKey>>,
    touched: BTreeSet<SecretKey>,
}

/// Who refers to a secret, and whose status says so when Envoy refuses it.
type Users = BTreeMap<User, Arc<[Arc<ObjectRef>]>>;

/// Who refers to a secret: a resource.
pub(crate) type User = (Kind, Arc<str>);

impl Secrets {
    /// Says what a resource refers to from now on; nothing when it is gone.
    pub(crate) fn refer(&mut self, user: User, secrets: Vec<SecretKey>, about: &[Arc<ObjectRef>]) {
        for key in self.users.remove(&user).into_iter().flatten() {
            self.touched.insert(key.clone());
            let Some(users) = self.used.get_mut(&key) else {
                continue;
            };
            users.remove(&user);
            if users.is_empty() {
                self.used.remove(&key);
                for credential in key.credentials() {
                    if let Some(secrets) = self.by_credential.get_mut(credential) {
                        secrets.remove(&key);
                        if secrets.is_empty() {
                            self.by_credential.remove(credential);
                        }
                    }
                }
            }
        }
        if secrets.is_empty() {
            return;
        }
        for key in &secrets {
            self.touched.insert(key.clone());
            let users = self.used.entry(key.clone()).or_default();
            users.insert(user.clone(), about.into());
            for credential in key.credentials() {
                let secrets = self.by_credential.entry(credential.clone()).or_default();
                secrets.insert(key.clone());
            }
        }
        self.users.insert(user, secrets);
    }

    /// Follows a change; after listeners and clusters.
    pub(crate) fn update(&mut self, ir: &Ir, change: &Change, output: &mut Output) {
        let mut touched = std::mem::take(&mut self.touched);
        for credential in change.credentials.keys() {
            touched.extend(
                self.by_credential
                    .get(credential)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
        }
        for key in touched {
            let name = key.name();
            let secret = self
                .used
                .get(&key)
                .and_then(|users| Some((users, secret(ir, &key, &name)?)));
            match secret {
                Some((users, secret)) => {
                    let about = users.values().flat_map(|about| about.iter().cloned());
                    output.put(Kind::Secret, &name, &secret, about.collect());
                }
                None => output.remove(Kind::Secret, &name),
            }
        }
    }
}

/// The message; `None` when a credential is not there, and then who refers to it waits.
fn secret(ir: &Ir, key: &SecretKey, name: &str) -> Option<Secret> {
    let material = |key| Some(&ir.credentials.get(key)?.material);
    let body = match key {
        SecretKey::KeyPair(key) => match material(key)? {
            Material::KeyPair { chain, key } => Type::TlsCertificate(TlsCertificate {
                certificate_chain: Some(inline(pem::certificates(chain))),
                private_key: Some(inline(pem::key(key.expose()))),
                ..Default::default()
            }),
            Material::Authorities(_) => return None,
        },
        SecretKey::Authorities(keys) => {
            let mut all = Vec::new();
            for key in keys {
                match material(key)? {
                    Material::Authorities(list) => all.extend(list),
                    Material::KeyPair { .. } => return None,
                }
            }
            Type::ValidationContext(CertificateValidationContext {
                trusted_ca: Some(inline(pem::certificates(all))),
                ..Default::default()
            })
        }
    };
    Some(Secret {
        name: name.to_owned(),
        r#type: Some(body),
    })
}

fn inline(text: String) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineString(text)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
