//! Settings of a Gateway over those of its class.

use fg_base::Text;
use serde_json::Value;

use super::{GatewayParametersSpec, Image};

impl GatewayParametersSpec {
    /// These settings of a Gateway over those of its class: maps are merged by key, other values
    /// of the Gateway win. A tag of the Gateway without a digest drops the class's digest, and the
    /// other way round.
    ///
    /// Source: kgateway, levels of `GatewayParameters`.
    #[must_use]
    pub fn over(&self, class: &Self) -> Self {
        if self.self_managed.is_some() || (self.kube.is_some() && class.self_managed.is_some()) {
            return self.clone();
        }
        let (Ok(mut merged), Ok(own)) = (serde_json::to_value(class), serde_json::to_value(self))
        else {
            return self.clone();
        };
        merge(&mut merged, own);
        let mut merged: Self = serde_json::from_value(merged).unwrap_or_else(|_| self.clone());
        if let (Some(own), Some(merged)) = (image(self), image_mut(&mut merged)) {
            let set = |part: &Option<Text>| part.as_deref().is_some_and(|part| !part.is_empty());
            match (set(&own.tag), set(&own.digest)) {
                (true, false) => merged.digest = None,
                (false, true) => merged.tag = None,
                _ => {}
            }
        }
        merged
    }
}

fn image(spec: &GatewayParametersSpec) -> Option<&Image> {
    spec.kube.as_ref()?.envoy_container.as_ref()?.image.as_ref()
}

fn image_mut(spec: &mut GatewayParametersSpec) -> Option<&mut Image> {
    let container = spec.kube.as_mut()?.envoy_container.as_mut()?;
    container.image.as_mut()
}

fn merge(below: &mut Value, over: Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (key, value) in over {
                match below.get_mut(&key) {
                    Some(inner) => merge(inner, value),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (below, over) => *below = over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(kube: Value) -> GatewayParametersSpec {
        serde_json::from_value(json!({ "kube": kube })).expect("the fixture has the shape")
    }

    #[test]
    fn a_gateways_settings_go_over_those_of_its_class() {
        let class = spec(json!({
            "deployment": {"replicas": 3},
            "service": {"type": "NodePort", "extraLabels": {"a": "1", "b": "1"}, "loadBalancerSourceRanges": ["10.0.0.0/8"]},
            "envoyContainer": {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
        }));
        let own = spec(json!({
            "service": {"extraLabels": {"b": "2"}, "loadBalancerSourceRanges": ["192.168.0.0/16"]},
            "envoyContainer": {"resources": {"requests": {"cpu": "2"}}},
        }));
        let expected = spec(json!({
            "deployment": {"replicas": 3},
            "service": {"type": "NodePort", "extraLabels": {"a": "1", "b": "2"}, "loadBalancerSourceRanges": ["192.168.0.0/16"]},
            "envoyContainer": {"resources": {"requests": {"cpu": "2", "memory": "1Gi"}}},
        }));
        assert_eq!(own.over(&class), expected);
    }

    #[test]
    fn a_tag_drops_the_digest_of_the_class_and_the_other_way_round() {
        let image = |image: Value| spec(json!({"envoyContainer": {"image": image}}));
        for (class, own, expected) in [
            (
                json!({"registry": "r", "digest": "sha256:1"}),
                json!({"tag": "2"}),
                json!({"registry": "r", "tag": "2"}),
            ),
            (
                json!({"tag": "1"}),
                json!({"digest": "d"}),
                json!({"digest": "d"}),
            ),
            (
                json!({"tag": "1"}),
                json!({"pullPolicy": "Never"}),
                json!({"tag": "1", "pullPolicy": "Never"}),
            ),
        ] {
            assert_eq!(image(own).over(&image(class)), image(expected));
        }
    }
}
