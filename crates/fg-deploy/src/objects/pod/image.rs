//! The image of a proxy.

use fg_api::gateway_parameters::Image;
use fg_base::Text;

/// The image of the proxy, and when it is pulled. Parts that are not set are those of the default.
pub(super) fn image(settings: Option<&Image>, default: &str) -> (String, String) {
    let none = Image::default();
    let settings = settings.unwrap_or(&none);
    let set = |part: &Option<Text>| {
        let part = part.as_deref().filter(|part| !part.is_empty());
        part.map(str::to_owned)
    };
    let policy = set(&settings.pull_policy).unwrap_or_else(|| "IfNotPresent".to_owned());
    let parts = Parts::of(default);
    let registry = set(&settings.registry).or(parts.registry.map(str::to_owned));
    let repository = set(&settings.repository).unwrap_or_else(|| parts.repository.to_owned());
    let (mut tag, mut digest) = (set(&settings.tag), set(&settings.digest));
    if tag.is_none() && digest.is_none() {
        tag = parts.tag.map(str::to_owned);
        digest = parts.digest.map(str::to_owned);
    }
    let mut image = match registry {
        Some(registry) => format!("{registry}/{repository}"),
        None => repository,
    };
    for (sign, part) in [(':', tag), ('@', digest)] {
        if let Some(part) = part {
            image.push(sign);
            image.push_str(&part);
        }
    }
    (image, policy)
}

/// An image taken apart: the registry is all before the last `/`.
struct Parts<'a> {
    registry: Option<&'a str>,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(image: &'a str) -> Self {
        let (image, digest) = match image.split_once('@') {
            Some((image, digest)) => (image, Some(digest)),
            None => (image, None),
        };
        let (registry, rest) = match image.rsplit_once('/') {
            Some((registry, rest)) => (Some(registry), rest),
            None => (None, image),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        Self {
            registry,
            repository,
            tag,
            digest,
        }
    }
}
