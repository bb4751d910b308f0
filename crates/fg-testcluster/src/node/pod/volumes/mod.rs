//! Volumes: what is in them, and keeping it up to date.

mod write;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::{
    ByteString,
    api::{
        authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
        core::v1::{
            DownwardAPIVolumeFile, KeyToPath, Pod, ServiceAccount, ServiceAccountTokenProjection,
            Volume, VolumeProjection,
        },
    },
    jiff::Timestamp,
};
use kube::{Api, api::PostParams};
use tokio::time::Instant;

use self::write::{File, Files};
use super::{
    Missing,
    fields::{field, resource},
    place::Place,
};

/// The volumes of one pod.
pub(super) struct Volumes {
    place: Arc<Place>,
    /// What was written last, by the volume's name.
    written: BTreeMap<String, Files>,
    tokens: BTreeMap<(String, String), Token>,
    serial: u64,
}

struct Token {
    text: String,
    renew: Instant,
}

enum Content {
    /// An empty folder, the pod's own.
    Scratch,
    /// A path of this machine.
    Host,
    Files(Files),
}

impl Volumes {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            written: BTreeMap::new(),
            tokens: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Writes every volume whose content is new or has changed.
    ///
    /// # Errors
    /// The first volume that is not complete; the others are written nevertheless.
    pub(super) async fn write(&mut self, pod: &Pod) -> Result<(), Missing> {
        let mut outcome = Ok(());
        for volume in pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten())
        {
            if let Err(missing) = self.write_one(pod, volume).await {
                outcome = outcome.and(Err(missing));
            }
        }
        outcome
    }

    async fn write_one(&mut self, pod: &Pod, volume: &Volume) -> Result<(), Missing> {
        let folder = folder(&self.place, &volume.name);
        let failed = |why: std::io::Error| Missing(format!("volume {}: {why}", volume.name));
        match self.content(pod, volume).await? {
            Content::Host => Ok(()),
            Content::Scratch if folder.exists() => Ok(()),
            Content::Scratch => {
                fs::create_dir_all(&folder).map_err(failed)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).map_err(failed)
            }
            Content::Files(files) => {
                if self.written.get(&volume.name) == Some(&files) {
                    return Ok(());
                }
                self.serial += 1;
                write::write(&folder, &files, self.serial).map_err(failed)?;
                self.written.insert(volume.name.clone(), files);
                Ok(())
            }
        }
    }

    /// When the next token has to be renewed.
    pub(super) fn renew(&self) -> Option<Instant> {
        self.tokens.values().map(|token| token.renew).min()
    }

    async fn content(&mut self, pod: &Pod, volume: &Volume) -> Result<Content, Missing> {
        let mut files = Files::new();
        if volume.empty_dir.is_some() {
            return Ok(Content::Scratch);
        } else if volume.host_path.is_some() {
            return Ok(Content::Host);
        } else if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            let keys = Keys {
                items: source.items.as_ref(),
                optional: source.optional,
                mode: source.default_mode,
            };
            self.secret(&mut files, name, &keys)?;
        } else if let Some(source) = &volume.config_map {
            let keys = Keys {
                items: source.items.as_ref(),
                optional: source.optional,
                mode: source.default_mode,
            };
            self.config_map(&mut files, &source.name, &keys)?;
        } else if let Some(source) = &volume.downward_api {
            self.downward(&mut files, pod, source.items.as_ref(), source.default_mode)?;
        } else if let Some(source) = &volume.projected {
            for part in source.sources.iter().flatten() {
                self.project(&mut files, pod, &volume.name, part, source.default_mode)
                    .await?;
            }
        } else {
            return Err(Missing(format!(
                "volume {}: this node does not know its kind",
                volume.name
            )));
        }
        Ok(Content::Files(files))
    }

    async fn project(
        &mut self,
        files: &mut Files,
        pod: &Pod,
        volume: &str,
        part: &VolumeProjection,
        mode: Option<i32>,
    ) -> Result<(), Missing> {
        if let Some(source) = &part.secret {
            let keys = Keys {
                items: source.items.as_ref(),
                optional: source.optional,
                mode,
            };
            return self.secret(files, &source.name, &keys);
        }
        if let Some(source) = &part.config_map {
            let keys = Keys {
                items: source.items.as_ref(),
                optional: source.optional,
                mode,
            };
            return self.config_map(files, &source.name, &keys);
        }
        if let Some(source) = &part.downward_api {
            return self.downward(files, pod, source.items.as_ref(), mode);
        }
        let Some(source) = &part.service_account_token else {
            return Err(Missing(format!(
                "volume {volume}: this node does not know this projection"
            )));
        };
        let token = self.token(pod, volume, source).await?;
        files.insert(
            source.path.clone(),
            File {
                bytes: token.into_bytes(),
                mode: bits(mode),
            },
        );
        Ok(())
    }

    fn secret(&self, files: &mut Files, name: &str, keys: &Keys<'_>) -> Result<(), Missing> {
        let namespace = &self.place.namespace;
        let what = format!("Secret {namespace}/{name}");
        let found = self.place.node.objects.secret(namespace, name);
        let data = found.map(|secret| {
            secret
                .data
                .iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.0.clone()))
                .collect()
        });
        keys.select(files, &what, data)
    }

    fn config_map(&self, files: &mut Files, name: &str, keys: &Keys<'_>) -> Result<(), Missing> {
        let namespace = &self.place.namespace;
        let what = format!("ConfigMap {namespace}/{name}");
        let found = self.place.node.objects.config_map(namespace, name);
        let data = found.map(|map| {
            let text = map
                .data
                .iter()
                .flatten()
                .map(|(key, text)| (key.clone(), text.clone().into_bytes()));
            let bytes = map
                .binary_data
                .iter()
                .flatten()
                .map(|(key, ByteString(bytes))| (key.clone(), bytes.clone()));
            text.chain(bytes).collect()
        });
        keys.select(files, &what, data)
    }

    fn downward(
        &self,
        files: &mut Files,
        pod: &Pod,
        items: Option<&Vec<DownwardAPIVolumeFile>>,
        mode: Option<i32>,
    ) -> Result<(), Missing> {
        let facts = self.place.facts();
        let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
        for item in items.into_iter().flatten() {
            let value = if let Some(wanted) = &item.field_ref {
                field(pod, &facts, &wanted.field_path)
            } else {
                let wanted = item.resource_field_ref.as_ref();
                wanted
                    .zip(containers.first())
                    .and_then(|(w, first)| resource(containers, first, &facts, w))
            };
            let Some(value) = value else {
                return Err(Missing(format!(
                    "downwardAPI file {}: there is no such field",
                    item.path
                )));
            };
            files.insert(
                item.path.clone(),
                File {
                    bytes: value.into_bytes(),
                    mode: bits(item.mode.or(mode)),
                },
            );
        }
        Ok(())
    }

    /// A token bound to the pod, renewed when four fifths of its life are over.
    async fn token(
        &mut self,
        pod: &Pod,
        volume: &str,
        source: &ServiceAccountTokenProjection,
    ) -> Result<String, Missing> {
        let key = (volume.to_owned(), source.path.clone());
        let now = Instant::now();
        if let Some(token) = self.tokens.get(&key).filter(|token| now < token.renew) {
            return Ok(token.text.clone());
        }
        match self.request(pod, source).await {
            Ok((text, life)) => {
                self.tokens.insert(
                    key,
                    Token {
                        text: text.clone(),
                        renew: now + life * 4 / 5,
                    },
                );
                Ok(text)
            }
            Err(why) => match self.tokens.get_mut(&key) {
                // The old one lives on for a fifth of its life.
                Some(token) => {
                    token.renew = now + Duration::from_secs(1);
                    Ok(token.text.clone())
                }
                None => Err(Missing(format!("volume {volume}: no token: {why}"))),
            },
        }
    }

    async fn request(
        &self,
        pod: &Pod,
        source: &ServiceAccountTokenProjection,
    ) -> Result<(String, Duration), kube::Error> {
        let account = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.as_deref())
            .unwrap_or("default");
        let api: Api<ServiceAccount> =
            Api::namespaced(self.place.node.client.clone(), &self.place.namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: source.audience.iter().cloned().collect(),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: Some(self.place.name.clone()),
                    uid: Some(self.place.uid.clone()),
                }),
                expiration_seconds: source.expiration_seconds,
            },
            ..TokenRequest::default()
        };
        let answer = api
            .create_token_request(account, &PostParams::default(), &request)
            .await?;
        let Some(status) = answer.status else {
            return Ok((String::new(), Duration::ZERO));
        };
        let life = status
            .expiration_timestamp
            .0
            .duration_since(Timestamp::now());
        Ok((status.token, Duration::try_from(life).unwrap_or_default()))
    }
}

/// Which keys of an object become files.
struct Keys<'a> {
    items: Option<&'a Vec<KeyToPath>>,
    optional: Option<bool>,
    mode: Option<i32>,
}

impl Keys<'_> {
    fn select(
        &self,
        files: &mut Files,
        what: &str,
        data: Option<BTreeMap<String, Vec<u8>>>,
    ) -> Result<(), Missing> {
        let optional = self.optional == Some(true);
        let Some(mut data) = data else {
            return if optional {
                Ok(())
            } else {
                Err(Missing(format!("{what} does not exist")))
            };
        };
        let Some(items) = self.items.filter(|items| !items.is_empty()) else {
            let file = |bytes| File {
                bytes,
                mode: bits(self.mode),
            };
            files.extend(data.into_iter().map(|(key, bytes)| (key, file(bytes))));
            return Ok(());
        };
        for item in items {
            match data.remove(&item.key) {
                Some(bytes) => {
                    files.insert(
                        item.path.clone(),
                        File {
                            bytes,
                            mode: bits(item.mode.or(self.mode)),
                        },
                    );
                }
                None if optional => {}
                None => return Err(Missing(format!("{what} has no key {}", item.key))),
            }
        }
        Ok(())
    }
}

fn bits(mode: Option<i32>) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok())
        .unwrap_or(0o644)
}

fn folder(place: &Place, volume: &str) -> PathBuf {
    place.folder.join("volumes").join(volume)
}

/// Where a volume's content is on this machine.
pub(super) fn source(place: &Place, volume: &Volume) -> PathBuf {
    match &volume.host_path {
        Some(host) => Path::new(&host.path).to_path_buf(),
        None => folder(place, &volume.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_choose_and_rename_keys() {
        let items = vec![KeyToPath {
            key: "tls.crt".to_owned(),
            path: "crt".to_owned(),
            mode: Some(0o600),
        }];
        let data = || {
            Some(BTreeMap::from([
                ("tls.crt".to_owned(), b"c".to_vec()),
                ("tls.key".to_owned(), b"k".to_vec()),
            ]))
        };
        let keys = Keys {
            items: Some(&items),
            optional: None,
            mode: None,
        };
        let mut files = Files::new();
        keys.select(&mut files, "Secret n/s", data()).unwrap();
        assert_eq!(
            files,
            Files::from([(
                "crt".to_owned(),
                File {
                    bytes: b"c".to_vec(),
                    mode: 0o600
                }
            )])
        );
        let absent = keys.select(&mut files, "Secret n/s", None).unwrap_err();
        assert_eq!(absent.0, "Secret n/s does not exist");
        let all = Keys {
            items: None,
            optional: None,
            mode: None,
        };
        let mut files = Files::new();
        all.select(&mut files, "Secret n/s", data()).unwrap();
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let items = vec![KeyToPath {
            key: "a".to_owned(),
            path: "a".to_owned(),
            mode: None,
        }];
        let keys = Keys {
            items: Some(&items),
            optional: Some(true),
            mode: None,
        };
        let mut files = Files::new();
        keys.select(&mut files, "ConfigMap n/c", None).unwrap();
        keys.select(&mut files, "ConfigMap n/c", Some(BTreeMap::new()))
            .unwrap();
        assert!(files.is_empty());
    }
}
